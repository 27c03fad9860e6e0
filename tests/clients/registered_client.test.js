// Web applications built on openid-client that register themselves (RFC 7591), each with the metadata of one way to be: how they
// authenticate, sign their requests, have tokens and userinfo protected, and hear of sign-outs.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { authorize, Browser } from './support/browser.js';
import { makeCertificate } from './support/certificate.js';
import { startInstallation } from './support/installation.js';

const REDIRECT_URI = 'https://app.example/callback';
const SIGNED_OUT_URI = 'https://app.example/signed-out';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let directory;
let server;
let tls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portcullis-registered-'));
  tls = await makeCertificate(directory);
  server = await startInstallation({
    claims: { name: 'Alice Example', email: 'alice@example.org', email_verified: true, phone_number: '+1 202 555 0142' },
    settings: `
[registration]
mode = "open"

[outbound]
extra_ca = "${tls.certificate}"
allow_hosts = ["localhost"]
`,
  });
});
after(async () => {
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** Registers an application; resolves to openid-client's configuration of it, every check switched on. */
function register(metadata = {}, authentication = client.ClientSecretBasic(), execute = []) {
  const known = {
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  };
  return client.dynamicClientRegistration(new URL(server.issuer), { ...known, ...metadata }, authentication, {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks, ...execute],
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
  client_secret_jwt: client.ClientSecretJwt(),
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

for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
  test(`registers a key, and authenticates by private_key_jwt with ${alg}`, async () => {
    const { key, kid, jwks } = await newKey(alg);
    const method = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg };
    const config = await register({ ...method, jwks }, client.PrivateKeyJwt({ key, kid }));
    assert.equal(config.clientMetadata().client_secret, undefined);
    const tokens = await signIn(config);
    await client.tokenRevocation(config, tokens.access_token);
    const { active } = await client.tokenIntrospection(config, tokens.access_token);
    assert.equal(active, false);
    const stranger = await newKey(alg);
    const impostor = new client.Configuration(config.serverMetadata(), config.clientMetadata().client_id, {}, client.PrivateKeyJwt(stranger));
    client.allowInsecureRequests(impostor);
    await assert.rejects(client.tokenRevocation(impostor, tokens.access_token), (error) => error.error === 'invalid_client' || error.status === 401);
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

for (const [alg, enc] of [['RSA-OAEP-256', 'A256GCM'], ['ECDH-ES', 'A128CBC-HS256']]) {
  test(`an ID token and userinfo, signed and encrypted with ${alg}`, async () => {
    const { key, kid, jwks } = await newKey(alg, 'enc');
    const metadata = {
      ...{ jwks, id_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' },
      ...{ id_token_encrypted_response_alg: alg, id_token_encrypted_response_enc: enc },
      ...{ userinfo_encrypted_response_alg: alg, userinfo_encrypted_response_enc: enc },
    };
    const decrypt = (config) => client.enableDecryptingResponses(config, [enc], { key, alg, kid });
    const config = await register(metadata, undefined, [decrypt]);
    const tokens = await signIn(config);
    assert.deepEqual(decodeProtectedHeader(tokens.id_token).alg, alg);
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert.equal(userinfo.name, 'Alice Example');
  });
}

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

test('back-channel sign-out: every application of the session gets a token that jose verifies', async () => {
  const listener = await listen();
  try {
    const backchannel_logout_uri = `${listener.origin}/backchannel`;
    const metadata = { backchannel_logout_uri, backchannel_logout_session_required: true };
    const config = await register({ ...metadata, post_logout_redirect_uris: [SIGNED_OUT_URI] });
    const other = await register(metadata);
    const browser = new Browser();
    const tokens = await signIn(config, {}, { browser });
    const { sid, sub } = (await signIn(other, {}, { browser })).claims();
    const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: SIGNED_OUT_URI });
    await browser.open(url, { callback: SIGNED_OUT_URI });
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const told = new Map();
    for (const posted of await listener.received(2)) {
      const { payload } = await jwtVerify(posted.get('logout_token'), keys, { issuer: server.issuer, typ: 'logout+jwt' });
      told.set(payload.aud, payload);
    }
    const audiences = [config, other].map((each) => each.clientMetadata().client_id);
    assert.deepEqual([...told.keys()].sort(), audiences.sort());
    for (const payload of told.values()) {
      assert.deepEqual([payload.sub, payload.sid], [sub, sid]);
      assert.deepEqual(payload.events[LOGOUT_EVENT], {});
      assert.ok(payload.jti && payload.iat && payload.exp);
      assert.equal(payload.nonce, undefined);
    }
  } finally {
    await listener.stop();
  }
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

/** An application's own endpoint with https; `received(count)` resolves to the forms that were posted to it. */
async function listen() {
  const [cert, key] = await Promise.all([tls.certificate, tls.key].map((file) => readFile(file)));
  const forms = [];
  let arrived = () => {};
  const endpoint = createServer({ cert, key }, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => {
      forms.push(new URLSearchParams(body));
      response.writeHead(200, { 'cache-control': 'no-store' }).end();
      arrived();
    });
  });
  await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const received = async (count) => {
    while (forms.length < count) await new Promise((resolve) => (arrived = resolve));
    return forms;
  };
  const stop = () => {
    endpoint.closeAllConnections();
    return new Promise((resolve) => endpoint.close(resolve));
  };
  return { origin: `https://localhost:${endpoint.address().port}`, received, stop };
}
