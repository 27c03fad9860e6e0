// Two resource servers that know only the issuer's address: one checks access tokens with jose, one with oauth4webapi.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { discover, signIn } from './support/relying_party.js';
import { startServer } from './support/target.js';

const OTHER_AUDIENCE = 'https://other.example/';

let server;
let audience;
let serviceToken;
let webTokens;

before(async () => {
  server = await startServer();
  const { service, web } = server.clients;
  audience = service.audience;
  const tokens = await client.clientCredentialsGrant(await discover(server, service), { scope: service.scope });
  serviceToken = tokens.access_token;
  webTokens = await signIn(server, await discover(server, web));
});
after(() => server?.stop());

const libraries = { jose: checkWithJose, oauth4webapi: checkWithOauth4webapi };

for (const [library, check] of Object.entries(libraries)) {
  describe(`a resource server using ${library}`, () => {
    let api;
    let otherApi;

    before(async () => {
      api = await listen(await check(server.issuer, audience));
      otherApi = await listen(await check(server.issuer, OTHER_AUDIENCE));
    });
    after(() => Promise.all([api?.stop(), otherApi?.stop()]));

    test('accepts the access token of a service', async () => {
      const { status, claims } = await call(api, serviceToken);
      assert.equal(status, 200);
      assert.equal(claims.client_id, server.clients.service.client_id);
    });

    test('refuses it when it is meant for another audience', async () => {
      assert.equal((await call(otherApi, serviceToken)).status, 401);
    });

    test('refuses a tampered one', async () => {
      assert.equal((await call(api, withClaims(serviceToken, { sub: 'someone-else' }))).status, 401);
      assert.equal((await call(api, withoutSignature(serviceToken))).status, 401);
    });

    test('refuses an ID token', async () => {
      assert.equal((await call(api, webTokens.id_token)).status, 401);
      const { aud } = decodeJwt(webTokens.id_token);
      const fooled = await listen(await check(server.issuer, [aud].flat()[0]));
      try {
        assert.equal((await call(fooled, webTokens.id_token)).status, 401, 'even where its audience fits');
      } finally {
        await fooled.stop();
      }
    });

    test('refuses a call without a token', async () => {
      assert.equal((await fetch(api.url)).status, 401);
    });
  });
}

test("a signed-in person's access token says who and on whose behalf", async () => {
  const check = await checkWithJose(server.issuer, server.issuer); // openid was granted, so the issuer is an audience
  const claims = await check(bearer('http://localhost/', webTokens.access_token));
  assert.equal(claims.sub, webTokens.claims().sub);
  assert.equal(claims.client_id, server.clients.web.client_id);
});

async function checkWithJose(issuer, expectedAudience) {
  const { jwks_uri } = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  return async (request) => {
    const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
    return (await jwtVerify(token, keys, { issuer, audience: expectedAudience, typ: 'at+jwt' })).payload;
  };
}

async function checkWithOauth4webapi(issuer, expectedAudience) {
  const insecure = { [oauth.allowInsecureRequests]: true }; // plain http, because the issuer is on loopback
  const url = new URL(issuer);
  const discovered = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure });
  const metadata = await oauth.processDiscoveryResponse(url, discovered);
  return (request) => oauth.validateJwtAccessToken(metadata, request, expectedAudience, insecure);
}

async function listen(check) {
  const api = createServer(async (request, response) => {
    const headers = request.headers.authorization ? { authorization: request.headers.authorization } : {};
    try {
      const claims = await check(new Request('http://localhost/', { headers }));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(claims));
    } catch {
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
    }
  });
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    api.closeAllConnections();
    return new Promise((resolve) => api.close(resolve));
  };
  return { url: `http://127.0.0.1:${api.address().port}/`, stop };
}

async function call(api, token) {
  const response = await fetch(bearer(api.url, token));
  return { status: response.status, claims: response.ok ? await response.json() : undefined };
}

function bearer(url, token) {
  return new Request(url, { headers: { authorization: `Bearer ${token}` } });
}

function withClaims(token, claims) {
  const [header, , signature] = token.split('.');
  return [header, encode({ ...decodeJwt(token), ...claims }), signature].join('.');
}

function withoutSignature(token) {
  return `${encode({ alg: 'none', typ: 'at+jwt' })}.${token.split('.')[1]}.`;
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
