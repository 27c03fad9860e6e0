// Three nodes behind HAProxy, under load, while one after the other is restarted: nobody notices.

import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate } from '../clients/support/certificate.js';
import { freePort } from '../clients/support/installation.js';
import { decodeJwt, decodeProtectedHeader } from '../clients/support/jose.js';
import { startCluster } from './support/cluster.js';
import { Flows, startLoad } from './support/load.js';
import { until } from './support/until.js';

const ROUNDS = Number(process.env.PORTCULLIS_TEST_ROUNDS ?? 1);
const PATIENCE_MS = 60_000;
const WRONG_PASSWORDS = 6;

let cluster;
let flows;
let load;
let notices;
let chains;

before(async () => {
  notices = await startReceiver();
  cluster = await startCluster({ settings: `
[limits]
sign_in_per_account = "${WRONG_PASSWORDS} per 1h"

[outbound]
allow_hosts = ["localhost:${notices.port}"]
extra_ca = "${notices.certificate}"
` });
  flows = new Flows(cluster);
  load = startLoad(await workers());
});
after(async () => {
  await load?.stop();
  await cluster?.stop();
  await notices?.stop();
});

/** People with a live sign-in, machines, refresh tokens that are rotated from the first minute to the last, and codes stolen. */
async function workers() {
  const people = await Promise.all([0, 1, 2].map(async () => {
    const browser = flows.browser();
    await flows.code(browser);
    return browser;
  }));
  const { web } = cluster.clients;
  chains = await Promise.all(people.map(async (browser) => flows.tokens(web, await flows.code(browser))));
  return [
    { name: 'client credentials', step: () => flows.clientCredentials() },
    { name: 'code flow', step: () => flows.codeFlow(people[0]) },
    { name: 'code flow of another', step: () => flows.codeFlow(people[1]) },
    { name: 'a code twice', step: () => flows.twice(people[2]) },
    { name: 'sign-in', step: () => flows.codeFlow(flows.browser()) },
    ...chains.map((_, index) => ({ name: `refresh chain ${index + 1}`, step: () => renew(index) })),
  ];
}

async function renew(index) {
  chains[index] = await flows.rotate(chains[index].refresh_token);
}

/** The load goes on, and each of these nodes takes part in it. */
async function everybodyWorks(nodes = cluster.nodes) {
  const [answers, rounds] = [{ ...flows.answers }, { ...load.rounds }];
  const moved = (now, then) => now > (then ?? 0);
  await until('every node serves and every flow gets on', PATIENCE_MS, () => {
    assert.deepEqual(load.failures, []);
    return nodes.every(({ name }) => moved(flows.answers[name], answers[name]))
      && Object.keys(rounds).every((name) => moved(load.rounds[name], rounds[name]));
  });
}

test('a form comes from one node, goes to another, and the code to a third', { timeout: PATIENCE_MS }, async () => {
  const [page, post, redeemed] = ['GET', 'POST', 'code'].map(() => new Set());
  let different = false;
  await until('three different nodes in one flow', PATIENCE_MS, async () => {
    const seen = {};
    const browser = flows.browser(({ path, method, node }) => {
      if (path.endsWith('/login')) seen[method] = node;
    });
    const form = await flows.code(browser);
    const { status, node, text } = await flows.token(cluster.clients.web, form);
    assert.equal(status, 200, text);
    page.add(seen.GET);
    post.add(seen.POST);
    redeemed.add(node);
    different ||= new Set([seen.GET, seen.POST, node]).size === 3;
    return different && [page, post, redeemed].every((nodes) => nodes.size === 3);
  });
});

test('a code that is presented to two nodes at once is redeemed once', async () => {
  const browser = flows.browser();
  const [a, b, c] = cluster.nodes.map(({ origin }) => origin);
  for (const origins of [[a, b], [b, c], [c, a]]) await flows.twice(browser, origins);
});

test('a key rotated in at one node signs and verifies at all', { timeout: PATIENCE_MS }, async () => {
  const { service } = cluster.clients;
  const fresh = async (origin) => {
    const { status, json, text } = await flows.token(service, { grant_type: 'client_credentials', scope: service.scope }, origin);
    assert.equal(status, 200, text);
    return json.access_token;
  };
  const kid = (jwt) => decodeProtectedHeader(jwt).kid;
  const old = await fresh();
  await cluster.portcullis('key', 'rotate', '--lead', '1s');
  for (const { name, origin } of cluster.nodes) {
    const jwt = await until(`${name} signs with the new key`, PATIENCE_MS, async () => {
      const token = await fresh(origin);
      return kid(token) !== kid(old) && token;
    });
    for (const other of cluster.nodes) for (const signed of [old, jwt]) await flows.verify(signed, other.origin);
  }
});

test('wrong passwords are counted for all nodes together', { timeout: PATIENCE_MS }, async () => {
  await cluster.portcullis('user', 'create', 'mallory', '--password', 'correct horse battery staple');
  const told = [];
  const throttling = new Set();
  await until('every node throttles', PATIENCE_MS, async () => {
    const browser = flows.browser(({ method, status, node }) => {
      if (method !== 'POST') return;
      told.push(status);
      if (status === 429) throttling.add(node);
    });
    const page = await browser.open(`${cluster.issuer}/login`);
    const fields = { username: 'mallory', password: 'wrong' };
    await browser.submit(page, page.document.querySelector('form:has(input[name=password])'), { fields });
    return throttling.size === cluster.nodes.length;
  });
  const wrong = told.filter((status) => status === 401).length;
  assert.equal(wrong, WRONG_PASSWORDS, `as many guesses as on one node: ${told}`);
  assert.deepEqual(told.slice(0, wrong), Array(wrong).fill(401));
});

for (let round = 1; round <= ROUNDS; round += 1) {
  for (const index of [0, 1, 2]) {
    test(`ft_43_a_restart_under_load_loses_nothing: node ${index + 1}, round ${round}`, { timeout: 120_000 }, async () => {
      const node = cluster.nodes[index];
      const others = cluster.nodes.filter((other) => other !== node);
      // People sign out while it goes: their notices are queued, and delivered by whoever is there.
      const signedOut = Promise.all([0, 1, 2].map(() => signInAndOut()));
      const ending = node.stop();
      await until('it says that it is stopping', 2_000, async () => {
        const { status, text } = await flows.ask('/readyz', { origin: node.origin });
        return status === 503 && text === 'stopping\n';
      });
      const { service } = cluster.clients;
      const served = await flows.token(service, { grant_type: 'client_credentials' }, node.origin);
      assert.equal(served.status, 200, 'it is no longer ready, and serves');
      assert.equal(await ending, 'exit code 0');
      await everybodyWorks(others);
      await node.start();
      await node.balanced();
      await everybodyWorks();
      await signedOut;
    });
  }
}

test('every sign-out was told once', { timeout: PATIENCE_MS }, async () => {
  assert.equal(signedOut.length, 9 * ROUNDS);
  await until('all notices have come', PATIENCE_MS, () => signedOut.every((sid) => notices.received.has(sid)));
  const waiting = () => cluster.sql('SELECT count(*) FROM logout_notice');
  await until('nothing is left in the queue', PATIENCE_MS, async () => (await waiting()) === '0');
  const counts = signedOut.map((sid) => notices.received.get(sid));
  assert.deepEqual(counts, Array(signedOut.length).fill(1));
});

test('no flow failed, and nothing was redeemed twice', async () => {
  const rounds = await load.stop();
  assert.deepEqual(load.failures, []);
  for (const [name, count] of Object.entries(rounds)) assert.ok(count >= 5 * ROUNDS, `${name}: ${count} rounds`);
  // HAProxy repeated nothing, and sent nothing anywhere else than it meant to.
  for (const [name, { stot, status, ...troubles }] of Object.entries(await cluster.servers())) {
    assert.ok(stot > 20 && status === 'UP', `${name}: ${stot} ${status}`);
    assert.deepEqual(troubles, { econ: 0, eresp: 0, wretr: 0, wredis: 0, hrsp_5xx: 0 }, name);
  }
  // Of no grant are two refresh tokens live, and no two have the same place in their chain.
  const forked = await cluster.sql(`SELECT count(*) FROM (SELECT grant_id FROM refresh_token
    WHERE spent_at IS NULL AND replaced_at IS NULL GROUP BY grant_id HAVING count(*) > 1) forked`);
  assert.equal(forked, '0');
  // The chains that began before the first restart still go on.
  for (const index of chains.keys()) await renew(index);
});

// --- people who sign out, and the client that is told -----------------------------------------------------------------

const signedOut = [];
let notified;

/** Signs in to a client that is told of sign-outs, and out again. */
async function signInAndOut() {
  notified ??= createNotified();
  const client = await notified;
  const browser = flows.browser();
  const { id_token } = await flows.tokens(client, await flows.code(browser, client));
  const { sid } = decodeJwt(id_token);
  assert.ok(sid);
  let page = await browser.open(`${cluster.issuer}/logout?${new URLSearchParams({ id_token_hint: id_token })}`);
  const form = page.document.querySelector('main form');
  if (form) page = await browser.submit(page, form, { button: ['decision', 'sign_out'] });
  assert.equal(page.status, 200, page.text);
  signedOut.push(sid);
}

async function createNotified() {
  const redirectUri = 'http://127.0.0.1/notified';
  const scope = 'openid';
  const created = await cluster.portcullis('client', 'create', '--json', '--name', 'Notified', '--trusted', '--scope', scope,
    '--redirect-uri', redirectUri, '--backchannel-logout-uri', `https://localhost:${notices.port}/out`,
    '--grant-type', 'authorization_code');
  return { ...created, scope, redirect_uris: [redirectUri] };
}

/** Counts logout tokens by their `sid`. */
async function startReceiver() {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-notices-'));
  const { certificate, key } = await makeCertificate(directory);
  const received = new Map();
  const server = createServer({ cert: await readFile(certificate), key: await readFile(key) }, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => (body += part)).on('end', () => {
      const { sid } = decodeJwt(new URLSearchParams(body).get('logout_token'));
      received.set(sid, (received.get(sid) ?? 0) + 1);
      response.end();
    });
  });
  const port = await freePort();
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await rm(directory, { recursive: true, force: true });
  };
  return { port, certificate, received, stop };
}
