// Python's Authlib: a Flask application with several registrations, one for each way to prove who it is.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import { answerPages, Browser, enterUserCode } from './support/browser.js';
import { startInstallation } from './support/installation.js';
import { startPython } from './support/python.js';

const SCOPE = 'openid profile email offline_access';
const CODE_FLOW = ['--grant-type', 'authorization_code', '--grant-type', 'refresh_token', '--scope', SCOPE];

// Each has `kwargs`, what Authlib is told, and `options`, what the server is told. With an `assertion_alg` the application
// registers itself: the assertions of Authlib live an hour, and are for the token endpoint.
const APPLICATIONS = {
  basic: {},
  post: { kwargs: { token_endpoint_auth_method: 'client_secret_post' }, options: ['--auth-method', 'client_secret_post'] },
  public: { kwargs: { token_endpoint_auth_method: 'none' }, options: ['--public'] },
  es256: { options: ['--id-token-alg', 'ES256'] },
  eddsa: { options: ['--id-token-alg', 'EdDSA'] },
  client_secret_jwt: { kwargs: { token_endpoint_auth_method: 'client_secret_jwt' }, assertion_alg: 'HS256' },
  rsa_key: { kwargs: { token_endpoint_auth_method: 'private_key_jwt' }, assertion_alg: 'RS256' },
  ec_key: { kwargs: { token_endpoint_auth_method: 'private_key_jwt' }, assertion_alg: 'ES256' },
};

let server;
let app;

before(async () => {
  server = await startInstallation({
    claims: { name: 'Alice Example', email: 'alice@example.org', email_verified: true },
    settings: '\n[registration]\nmode = "open"\n',
  });
  const applications = {};
  for (const [name, { kwargs, options = [], assertion_alg }] of Object.entries(APPLICATIONS)) {
    const redirectUri = `http://127.0.0.1/${name}/callback`;
    applications[name] = assertion_alg
      ? await registerItself(kwargs, assertion_alg, redirectUri)
      : await register(name, kwargs, [...CODE_FLOW, '--redirect-uri', redirectUri, ...options]);
  }
  applications.service = await register('service', { scope: 'jobs:run' }, ['--grant-type', 'client_credentials', '--scope', 'jobs:run']);
  applications.device = await register('device', { token_endpoint_auth_method: 'none', scope: 'openid profile' }, [
    ...['--public', '--grant-type', 'device_code', '--scope', 'openid profile'],
  ]);
  app = await startPython('authlib/app.py', { issuer: server.issuer, applications });
});
after(async () => {
  await app?.stop();
  await server?.stop();
});

/** Registers a client; resolves to what Authlib is told. */
async function register(name, kwargs, options) {
  const { client_id, client_secret } = await server.portcullis('client', 'create', '--json', '--name', name, ...options);
  const client_kwargs = { scope: SCOPE, code_challenge_method: 'S256', ...kwargs };
  return { client_id, client_secret, client_kwargs };
}

/** Registers an application over the wire, with a key of its own where it has one; resolves to what Authlib is told. */
async function registerItself(kwargs, assertion_alg, redirectUri) {
  const metadata = {
    application_type: 'native', // of web applications, redirect URIs have to be https
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: kwargs.token_endpoint_auth_method,
    token_endpoint_auth_signing_alg: assertion_alg,
  };
  let key;
  if (kwargs.token_endpoint_auth_method === 'private_key_jwt') {
    const { privateKey, publicKey } = await generateKeyPair(assertion_alg, { extractable: true });
    metadata.jwks = { keys: [{ ...(await exportJWK(publicKey)), use: 'sig', alg: assertion_alg }] };
    key = await exportJWK(privateKey);
  }
  const { registration_endpoint } = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(registration_endpoint, { method: 'POST', headers, body: JSON.stringify(metadata) });
  const registered = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(registered));
  const { client_id, client_secret } = registered;
  const client_kwargs = { scope: SCOPE, code_challenge_method: 'S256', ...kwargs };
  return { client_id, client_secret: key ?? client_secret, client_kwargs, assertion_alg };
}

/** Signs in to the application; resolves to what it then knows. */
async function signIn(name) {
  const browser = new Browser();
  const asked = await browser.open(`${app.origin}/${name}/login?prompt=consent`);
  const page = await answerPages(browser, asked, server);
  assert.equal(page.url.href, `${app.origin}/${name}/me`, page.text);
  assert.equal(page.status, 200, app.log());
  return JSON.parse(page.text);
}

async function post(path, form = {}) {
  const response = await fetch(`${app.origin}/${path}`, { method: 'POST', body: new URLSearchParams(form) });
  assert.notEqual(response.status, 500, app.log());
  const text = await response.text();
  return { status: response.status, json: text && JSON.parse(text) };
}

for (const name of Object.keys(APPLICATIONS)) {
  test(`${name}: code and PKCE, the ID token, userinfo, and new tokens`, async () => {
    const known = await signIn(name);
    assert.equal(known.id_token.iss, server.issuer);
    assert.equal(known.user, known.id_token.sub);
    assert.equal(known.userinfo.sub, known.id_token.sub);
    assert.equal(known.userinfo.name, 'Alice Example');
    assert.equal(known.userinfo.email, 'alice@example.org');

    const first = await (await fetch(`${app.origin}/${name}/tokens`)).json();
    const second = (await post(`${name}/refresh`)).json;
    assert.notEqual(second.access_token, first.access_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
  });
}

test('introspection and revocation', async () => {
  const { user } = await signIn('basic');
  const { json } = await post('basic/introspect');
  assert.deepEqual({ active: json.active, sub: json.sub, iss: json.iss }, { active: true, sub: user, iss: server.issuer });
  assert.equal((await post('basic/revoke')).status, 200);
  assert.deepEqual((await post('basic/introspect')).json, { active: false });
  assert.deepEqual(await post('basic/refresh'), { status: 403, json: { error: 'invalid_grant' } });
});

test('a denial is told as such', async () => {
  const browser = new Browser();
  const asked = await browser.open(`${app.origin}/basic/login?prompt=consent`);
  const page = await answerPages(browser, asked, { ...server, decision: 'deny' });
  assert.deepEqual({ status: page.status, json: JSON.parse(page.text) }, { status: 403, json: { error: 'access_denied' } });
});

test('client credentials', async () => {
  const { json } = await post('service/own-token');
  assert.equal(json.scope, 'jobs:run');
  assert.equal(json.id_token, undefined);
});

test('a device: pending, then an ID token', async () => {
  const { device_code, user_code } = (await post('device/device')).json;
  const poll = () => post('device/device-token', { device_code });
  assert.deepEqual(await poll(), { status: 403, json: { error: 'authorization_pending' } });
  await enterUserCode(server, user_code, 'allow');
  const { status, json } = await poll(); // sooner than asked for, which matters only while it waits
  assert.equal(status, 200);
  assert.equal(json.id_token.iss, server.issuer);
});
