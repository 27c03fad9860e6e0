// Web applications built on openid-client that register themselves (RFC 7591), each with the metadata of one way to be.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';
import { authorize, Browser } from './support/browser.js';
import { startInstallation } from './support/installation.js';

const REDIRECT_URI = 'https://app.example/callback';
const SIGNED_OUT_URI = 'https://app.example/signed-out';

let server;

before(async () => {
  server = await startInstallation({
    claims: { name: 'Alice Example', email: 'alice@example.org', email_verified: true, phone_number: '+1 202 555 0142' },
    settings: '\n[registration]\nmode = "open"\n',
  });
});
after(() => server?.stop());

/** Registers an application; resolves to openid-client's configuration of it, every check switched on. */
function register(metadata = {}, authentication = client.ClientSecretBasic()) {
  const known = {
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  };
  return client.dynamicClientRegistration(new URL(server.issuer), { ...known, ...metadata }, authentication, {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });
}

/** A key pair of an application's: the private part, and the JWK Set to register. */
async function newKey(alg, use = 'sig') {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const kid = `${alg}-${use}`;
  return { key: privateKey, kid, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, use, alg }] } };
}

/** The whole code flow; `build` makes the address out of the parameters. Resolves to the tokens. */
async function signIn(config, parameters = {}, { browser = new Browser(), build = client.buildAuthorizationUrl } = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = await build(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  });
  const redirectUri = url.searchParams.get('redirect_uri') ?? REDIRECT_URI;
  const answer = await authorize(browser, url, { redirectUri, user: server.user });
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return client.authorizationCodeGrant(config, answer, checks);
}

const secrets = {
  client_secret_basic: client.ClientSecretBasic(),
  client_secret_post: client.ClientSecretPost(),
};
for (const [token_endpoint_auth_method, authentication] of Object.entries(secrets)) {
  test(`registers, and authenticates by ${token_endpoint_auth_method}`, async () => {
    const config = await register({ token_endpoint_auth_method }, authentication);
    const scope = 'openid offline_access';
    const tokens = await signIn(config, { scope, prompt: 'consent' });
    assert.equal(tokens.claims().aud, config.clientMetadata().client_id);
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(renewed.claims().sub, tokens.claims().sub);
  });
}

test('a signed request object', async () => {
  const { key, kid, jwks } = await newKey('ES256');
  const config = await register({ request_object_signing_alg: 'ES256', jwks });
  const build = (...args) => client.buildAuthorizationUrlWithJAR(...args, { key, kid });
  const tokens = await signIn(config, { max_age: '3600' }, { build });
  assert.ok(tokens.claims().auth_time, 'what only the object says was heard');
});

test('the claims parameter', async () => {
  const config = await register();
  const claims = JSON.stringify({
    id_token: { name: null, auth_time: { essential: true } },
    userinfo: { phone_number: { essential: true } },
  });
  const tokens = await signIn(config, { scope: 'openid', claims });
  assert.equal(tokens.claims().name, 'Alice Example');
  assert.ok(tokens.claims().auth_time);
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(userinfo.phone_number, '+1 202 555 0142');
  assert.equal(userinfo.email, undefined);
});

test('pairwise subjects: another one for each sector, and the same each time', async () => {
  const subject = async (metadata, redirectUri) => {
    const config = await register({ ...metadata, redirect_uris: [redirectUri] });
    return (await signIn(config, { redirect_uri: redirectUri })).claims().sub;
  };
  const pairwise = { subject_type: 'pairwise' };
  const everybodys = await subject({}, REDIRECT_URI);
  const here = await subject(pairwise, REDIRECT_URI);
  assert.equal(await subject(pairwise, REDIRECT_URI), here);
  const elsewhere = await subject(pairwise, 'https://other.example/callback');
  assert.equal(new Set([everybodys, here, elsewhere]).size, 3);
});

test('RP-initiated sign-out', async () => {
  const config = await register({ post_logout_redirect_uris: [SIGNED_OUT_URI] });
  const browser = new Browser();
  const { id_token } = await signIn(config, {}, { browser });
  const state = client.randomState();
  const url = client.buildEndSessionUrl(config, { id_token_hint: id_token, post_logout_redirect_uri: SIGNED_OUT_URI, state });
  const { callback } = await browser.open(url, { callback: SIGNED_OUT_URI });
  assert.equal(callback.searchParams.get('state'), state);
  const silent = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI, scope: 'openid', prompt: 'none', nonce: 'n', code_challenge_method: 'S256',
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
  });
  const answer = await browser.open(silent, { callback: REDIRECT_URI });
  assert.equal(answer.callback.searchParams.get('error'), 'login_required');
});

test('reading, changing and deleting a registration (RFC 7592)', async () => {
  const config = await register({ client_name: 'Before' });
  const { registration_client_uri, registration_access_token, client_id } = config.clientMetadata();
  const send = async (method, body) => {
    const headers = { authorization: `Bearer ${registration_access_token}`, 'content-type': 'application/json' };
    const response = await fetch(registration_client_uri, { method, headers, body: body && JSON.stringify(body) });
    return { status: response.status, json: response.status === 204 ? undefined : await response.json() };
  };
  const read = await send('GET');
  assert.deepEqual([read.status, read.json.client_id, read.json.client_name], [200, client_id, 'Before']);
  assert.equal((await send('DELETE')).status, 204);
  assert.equal((await send('GET')).status, 401);
  await assert.rejects(client.clientCredentialsGrant(config), (error) => error.status === 401 || error.error === 'invalid_client');
});
