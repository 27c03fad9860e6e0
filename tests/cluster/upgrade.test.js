// An upgrade without downtime: the version before serves, the new one migrates under it, both serve side by side, a node of
// the version before is started again, and in the end all are new. tests/cluster.sh builds the version before.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BINARY } from '../clients/support/server.js';
import { startCluster } from './support/cluster.js';
import { Flows, startLoad } from './support/load.js';
import { until } from './support/until.js';

const PREVIOUS = process.env.PORTCULLIS_TEST_PREVIOUS_BIN;
const skip = PREVIOUS ? false : 'tests/cluster.sh builds the version before';
const PATIENCE_MS = 60_000;

let cluster;
let flows;
let load;
const chains = [];

before(async () => {
  if (skip) return;
  cluster = await startCluster({ binary: PREVIOUS, start: [0, 1] });
  flows = new Flows(cluster);
  const people = [flows.browser(), flows.browser(), flows.browser()];
  for (const browser of people) chains.push(await flows.tokens(cluster.clients.web, await flows.code(browser)));
  load = startLoad([
    { name: 'client credentials', step: () => flows.clientCredentials() },
    { name: 'code flow', step: () => flows.codeFlow(people[0]) },
    { name: 'sign-in', step: () => flows.codeFlow(flows.browser()) },
    { name: 'a code twice', step: () => flows.twice(people[1]) },
    ...chains.map((_, index) => ({ name: `refresh chain ${index + 1}`, step: () => renew(index) })),
  ]);
});
after(async () => {
  await load?.stop();
  await cluster?.stop();
});

async function renew(index) {
  chains[index] = await flows.rotate(chains[index].refresh_token);
}

/** These nodes serve, and every flow gets on, twice so that one of them began just now. */
async function bothServe(nodes) {
  for (let time = 0; time < 2; time += 1) {
    const [answers, rounds] = [{ ...flows.answers }, { ...load.rounds }];
    await until('every node serves and every flow gets on', PATIENCE_MS, () => {
      assert.deepEqual(load.failures, []);
      return nodes.every(({ name }) => flows.answers[name] > (answers[name] ?? 0))
        && Object.keys(rounds).every((name) => load.rounds[name] > rounds[name]);
    });
  }
}

/** What one node issued counts on the other, and what ends there ends here, without a balancer in between. */
async function shareEverything(here, there) {
  const { web } = cluster.clients;
  const [a, b] = [here, there].map(({ origin }) => origin);
  const redeem = async (origin, form) => {
    const { status, json, text } = await flows.token(web, form, origin);
    assert.equal(status, 200, `${form.grant_type} at ${origin}: ${text}`);
    return json;
  };
  const browser = flows.browser();
  const first = await redeem(a, await flows.code(browser));
  await flows.verify(first.id_token, b);
  const second = await redeem(b, { grant_type: 'refresh_token', refresh_token: first.refresh_token });
  const third = await redeem(a, { grant_type: 'refresh_token', refresh_token: second.refresh_token });
  const introspect = (origin) => flows.ask('/introspect', { origin, client: web, form: { token: third.refresh_token } });
  for (const origin of [a, b]) assert.equal((await introspect(origin)).json.active, true);
  const { status } = await flows.ask('/revoke', { origin: b, client: web, form: { token: third.refresh_token } });
  assert.equal(status, 200);
  for (const origin of [a, b]) {
    assert.equal((await introspect(origin)).json.active, false);
    assert.equal((await flows.ask('/userinfo', { origin, bearer: third.access_token })).status, 401);
  }
  await flows.twice(browser, [a, b]);
}

test('ft_27_two_versions_serve_side_by_side', { skip, timeout: 240_000 }, async (t) => {
  const [one, two, three] = cluster.nodes;

  await t.test('this version migrates while the other serves', async () => {
    await bothServe([one, two]);
    await cluster.run(BINARY, 'migrate');
    await cluster.run(BINARY, 'migrate', '--check');
    await bothServe([one, two]);
    for (const { name, origin } of [one, two]) {
      const { status, text } = await flows.ask('/readyz', { origin });
      assert.equal(status, 200, `${name} goes on: ${text}`);
    }
  });

  await t.test('a node of this version joins them', async () => {
    await three.start(BINARY);
    await three.balanced();
    await bothServe([one, two, three]);
    await shareEverything(one, three);
    await shareEverything(three, two);
  });

  await t.test('a node of the version before starts again', async () => {
    assert.equal(await one.stop(), 'exit code 0');
    await one.start(PREVIOUS);
    await one.balanced();
    await bothServe([one, two, three]);
    await shareEverything(one, three);
  });

  await t.test('the others follow', async () => {
    for (const node of [one, two]) {
      assert.equal(await node.stop(), 'exit code 0');
      await node.start(BINARY);
      await node.balanced();
    }
    await bothServe([one, two, three]);
    await shareEverything(one, two);
  });

  await t.test('no flow failed', async () => {
    const rounds = await load.stop();
    assert.deepEqual(load.failures, []);
    for (const [name, count] of Object.entries(rounds)) assert.ok(count >= 8, `${name}: ${count} rounds`);
    for (const index of chains.keys()) await renew(index);
  });
});
