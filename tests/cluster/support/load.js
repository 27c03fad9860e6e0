// What clients and people do all day, over and over: each flow must succeed as if there were one server that never stops.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { authorize, Browser } from '../../clients/support/browser.js';
import { createLocalJWKSet, jwtVerify } from '../../clients/support/jose.js';

const PATIENCE_MS = 15_000;

/** The flows, on `cluster` as `startCluster` resolves to it. `answers` counts those of each node. */
export class Flows {
  answers = {};
  #cluster;
  #keys;

  constructor(cluster) {
    this.#cluster = cluster;
  }

  /** A machine's request; resolves to `{ status, json, node }`. `origin` is a node, when it is not to be the balancer. */
  async ask(path, { origin = this.#cluster.issuer, client, form, bearer } = {}) {
    const headers = {};
    if (client) headers.authorization = `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}`;
    if (bearer) headers.authorization = `Bearer ${bearer}`;
    const body = form && new URLSearchParams(form);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(origin + path, { method: form ? 'POST' : 'GET', headers, body, redirect: 'manual', signal });
    const text = await response.text();
    const node = response.headers.get('x-served-by');
    if (origin === this.#cluster.issuer) this.#count(node, `${response.status} from ${path}: ${text.slice(0, 300)}`);
    return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : undefined, text, node };
  }

  /** A browser whose answers are counted. `visited` is told of each. */
  browser(visited = () => {}) {
    return new Browser({
      heard: ({ url, method, status, headers }) => {
        const node = headers['x-served-by'];
        this.#count(node, `${status} from ${url}`);
        visited({ path: url.pathname, method, status, node });
      },
    });
  }

  #count(node, otherwise) {
    assert.ok(node, `no node answered: ${otherwise}`);
    this.answers[node] = (this.answers[node] ?? 0) + 1;
  }

  token(client, form, origin) {
    return this.ask('/token', { client, form, origin });
  }

  async tokens(client, form) {
    const { status, json, text, node } = await this.token(client, form);
    assert.equal(status, 200, `${form.grant_type} at ${node}: ${text}`);
    return json;
  }

  /** Verifies a signature by the published keys, which are asked for again when one is unknown. */
  async verify(jwt, origin) {
    const keySet = async () => createLocalJWKSet((await this.ask('/.well-known/jwks.json', { origin })).json);
    const { issuer } = this.#cluster;
    if (origin) return jwtVerify(jwt, await keySet(), { issuer });
    this.#keys ??= await keySet();
    return jwtVerify(jwt, this.#keys, { issuer }).catch(async (error) => {
      if (error.code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
      this.#keys = await keySet();
      return jwtVerify(jwt, this.#keys, { issuer });
    });
  }

  async clientCredentials() {
    const { service } = this.#cluster.clients;
    const { access_token } = await this.tokens(service, { grant_type: 'client_credentials', scope: service.scope });
    const { payload } = await this.verify(access_token);
    assert.equal(payload.client_id, service.client_id);
  }

  /** Sends `browser` for a code: `{ code, form }`, where `form` redeems it. */
  async code(browser, client = this.#cluster.clients.web) {
    const verifier = randomBytes(32).toString('base64url');
    const [redirectUri] = client.redirect_uris;
    const url = new URL(`${this.#cluster.issuer}/authorize`);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: redirectUri,
      scope: client.scope,
      state: 'state',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const answer = await authorize(browser, url, { redirectUri, user: this.#cluster.user });
    const code = answer.searchParams.get('code');
    assert.ok(code, `a code comes back: ${answer}`);
    return { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
  }

  /** authorize → token → userinfo → introspection → rotation → revocation, after which nothing counts any more. */
  async codeFlow(browser) {
    const { web } = this.#cluster.clients;
    const first = await this.tokens(web, await this.code(browser));
    await this.verify(first.id_token);
    const { status, json } = await this.ask('/userinfo', { bearer: first.access_token });
    assert.equal(status, 200, `userinfo: ${JSON.stringify(json)}`);
    const second = await this.rotate(first.refresh_token);
    assert.equal(await this.isActive(second.refresh_token), true);
    assert.equal((await this.ask('/revoke', { client: web, form: { token: second.refresh_token } })).status, 200);
    assert.equal(await this.isActive(second.refresh_token), false, 'revoked on one node, live on another');
    assert.equal((await this.ask('/userinfo', { bearer: second.access_token })).status, 401, 'revoked on one node, live on another');
    const after = await this.token(web, { grant_type: 'refresh_token', refresh_token: second.refresh_token });
    assert.equal(after.json?.error, 'invalid_grant', after.text);
  }

  rotate(token) {
    return this.tokens(this.#cluster.clients.web, { grant_type: 'refresh_token', refresh_token: token });
  }

  async isActive(token) {
    const { status, json, text } = await this.ask('/introspect', { client: this.#cluster.clients.web, form: { token } });
    assert.equal(status, 200, text);
    return json.active;
  }

  /** One code, presented twice at the same moment; `origins` are two nodes, unless the balancer is to choose. */
  async twice(browser, origins = [undefined, undefined]) {
    const { web } = this.#cluster.clients;
    const form = await this.code(browser);
    const both = await Promise.all(origins.map((origin) => this.token(web, form, origin)));
    const [won, lost] = both.sort((a, b) => a.status - b.status);
    assert.deepEqual([won.status, lost.status], [200, 400], `redeemed once: ${won.text} ${lost.text}`);
    assert.equal(lost.json.error, 'invalid_grant');
    const after = await this.token(web, { grant_type: 'refresh_token', refresh_token: won.json.refresh_token });
    assert.equal(after.json?.error, 'invalid_grant', `a replay ends the grant: ${after.text}`);
  }
}

/**
 * Runs each of the `workers` (`{ name, step() }`) again and again. `progress()` resolves when every one of them went on once
 * more from start to end; `stop()` resolves to how often each did. What fails stays in `failures`, with its time.
 */
export function startLoad(workers) {
  const failures = [];
  const rounds = Object.fromEntries(workers.map(({ name }) => [name, 0]));
  let running = true;
  const began = Date.now();
  const loops = workers.map(async ({ name, step }) => {
    while (running) {
      try {
        await step();
        rounds[name] += 1;
      } catch (error) {
        const cause = error.cause ? ` (${error.cause.code ?? error.cause.message})` : '';
        failures.push(`${name} after ${Date.now() - began} ms: ${error.message}${cause}`);
        // One that is broken for good must not drown the others.
        if (failures.length > 20) running = false;
      }
    }
  });
  const stop = async () => {
    running = false;
    await Promise.all(loops);
    return rounds;
  };
  return { failures, rounds, stop };
}
