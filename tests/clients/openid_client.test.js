// A web application built on openid-client, against a running server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { Browser } from './support/browser.js';
import { discover, newRequest, signIn, visit } from './support/relying_party.js';
import { startServer } from './support/target.js';

let server;
let config;

before(async () => {
  server = await startServer();
  config = await discover(server, server.clients.web);
});
after(() => server?.stop());

test('discovery advertises what the flows below use', () => {
  const metadata = config.serverMetadata();
  assert.equal(metadata.issuer, server.issuer);
  assert.equal(metadata.supportsPKCE(), true);
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
  assert.ok(metadata.response_modes_supported.includes('form_post'));
  for (const grant of ['authorization_code', 'refresh_token', 'client_credentials']) {
    assert.ok(metadata.grant_types_supported.includes(grant), grant);
  }
});

for (const authentication of [client.ClientSecretBasic, client.ClientSecretPost]) {
  test(`code and PKCE, authenticated by ${authentication.name}`, async () => {
    const tokens = await signIn(server, await discover(server, server.clients.web, authentication));
    assert.equal(tokens.token_type, 'bearer');
    assert.ok(tokens.expiresIn() > 0);
    assert.equal(tokens.claims().iss, server.issuer);
    assert.equal(decodeProtectedHeader(tokens.id_token).alg, 'RS256');
    const { alg, typ } = decodeProtectedHeader(tokens.access_token);
    assert.deepEqual({ alg, typ }, { alg: 'ES256', typ: 'at+jwt' });
  });
}

test('userinfo tells who signed in', async () => {
  const tokens = await signIn(server, config);
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(userinfo.sub, tokens.claims().sub);
});

test('a refresh token gives new tokens for the same person, and rotates', async () => {
  const first = await signIn(server, config);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.access_token, first.access_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(second.claims().sub, first.claims().sub);
  const third = await client.refreshTokenGrant(config, second.refresh_token);
  assert.equal(third.claims().sub, first.claims().sub);
});

test('no refresh token without offline_access', async () => {
  const tokens = await signIn(server, config, { parameters: { scope: 'openid' } });
  assert.equal(tokens.refresh_token, undefined);
});

test('revoking the refresh token ends the grant', async () => {
  const tokens = await signIn(server, config);
  await client.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), isUnauthorized);
});

test('revoking something that is no token of ours succeeds', async () => {
  await client.tokenRevocation(config, 'no-such-token');
});

test('the answer comes as a form with response_mode=form_post', async () => {
  const { url, checks } = await newRequest(server, config, { response_mode: 'form_post' });
  const answer = await visit(server, url);
  assert.ok(answer instanceof Request, 'a form, not a redirect');
  assert.equal(answer.method, 'POST');
  const tokens = await client.authorizationCodeGrant(config, answer, checks);
  assert.equal(tokens.claims().iss, server.issuer);
});

test('a denial comes back as access_denied, with state and iss', async () => {
  const { url, checks } = await newRequest(server, config);
  const answer = await visit(server, url, { decision: 'deny' });
  assert.equal(answer.searchParams.get('iss'), server.issuer);
  assert.equal(answer.searchParams.get('state'), checks.expectedState);
  await assert.rejects(client.authorizationCodeGrant(config, answer, checks), (error) => {
    return error instanceof client.AuthorizationResponseError && error.error === 'access_denied';
  });
});

test('a request without PKCE is refused', async () => {
  const { url } = await newRequest(server, config);
  url.searchParams.delete('code_challenge');
  url.searchParams.delete('code_challenge_method');
  const answer = await visit(server, url);
  assert.equal(answer.searchParams.get('error'), 'invalid_request');
  assert.equal(answer.searchParams.get('code'), null);
});

test('prompt=none answers login_required to a stranger and a code to someone known', async () => {
  const silent = { prompt: 'none', scope: 'openid' };
  const stranger = await newRequest(server, config, silent);
  assert.equal((await visit(server, stranger.url)).searchParams.get('error'), 'login_required');

  const browser = new Browser();
  const first = await signIn(server, config, { browser });
  const second = await signIn(server, config, { browser, parameters: silent });
  assert.equal(second.claims().sub, first.claims().sub);
});

test('a wrong code_verifier is refused', async () => {
  const { url, checks } = await newRequest(server, config);
  const answer = await visit(server, url);
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  await refused(client.authorizationCodeGrant(config, answer, { ...checks, pkceCodeVerifier }), 'invalid_grant');
});

test('a code used twice is refused, and what the first use gave is withdrawn', async () => {
  const { url, checks } = await newRequest(server, config);
  const answer = await visit(server, url);
  const tokens = await client.authorizationCodeGrant(config, answer, checks);
  await refused(client.authorizationCodeGrant(config, answer, checks), 'invalid_grant');
  await refused(client.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
});

test('client credentials give an access token and nothing else', async () => {
  const { service } = server.clients;
  const tokens = await client.clientCredentialsGrant(await discover(server, service), { scope: service.scope });
  assert.ok(tokens.access_token);
  assert.equal(tokens.refresh_token, undefined);
  assert.equal(tokens.id_token, undefined);
});

test('a wrong client secret is refused', async () => {
  const { client_id } = server.clients.service;
  const impostor = await discover(server, { client_id, client_secret: 'not-the-secret' });
  await assert.rejects(client.clientCredentialsGrant(impostor), (error) => {
    // RFC 6749 section 5.2: 401 with a challenge, which openid-client reports as such
    return isUnauthorized(error) || error.error === 'invalid_client';
  });
});

function refused(promise, code) {
  return assert.rejects(promise, (error) => error instanceof client.ResponseBodyError && error.error === code);
}

function isUnauthorized(error) {
  return error instanceof client.WWWAuthenticateChallengeError && error.status === 401;
}
