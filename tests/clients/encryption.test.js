// Clients that register keys of their own, and open with jose what is encrypted to them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import * as client from 'openid-client';
import { authorize, Browser } from './support/browser.js';
import { startInstallation } from './support/installation.js';

const REDIRECT_URI = 'https://app.example.org/callback';

// Every way to the content key, and every content encryption; the claims of userinfo are signed as well, or not.
const REGISTRATIONS = [
  { alg: 'RSA-OAEP-256', enc: 'A128CBC-HS256', signed: 'PS256' },
  { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
  { alg: 'ECDH-ES', enc: 'A128GCM', signed: 'EdDSA' },
  { alg: 'ECDH-ES', enc: 'A128CBC-HS256' },
  { alg: 'ECDH-ES+A128KW', enc: 'A256GCM', signed: 'ES256' },
  { alg: 'ECDH-ES+A256KW', enc: 'A128CBC-HS256', signed: 'RS256' },
];

let server;
let metadata;
let published;

before(async () => {
  server = await startInstallation({ settings: '\n[registration]\nmode = "open"\n', claims: { email: 'alice@example.org' } });
  metadata = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
  published = jose.createRemoteJWKSet(new URL(metadata.jwks_uri));
});
after(() => server?.stop());

/** Registers a client with a key for `alg`, and one that is for signatures and comes first. */
async function register({ alg, enc, signed }) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const other = await jose.generateKeyPair(alg.startsWith('RSA') ? 'RS256' : 'ES256', { extractable: true });
  const keys = [
    { ...(await jose.exportJWK(other.publicKey)), kid: 'signing', use: 'sig' },
    { ...(await jose.exportJWK(publicKey)), kid: 'encryption', use: 'enc' },
  ];
  const document = {
    redirect_uris: [REDIRECT_URI],
    jwks: { keys },
    id_token_encrypted_response_alg: alg,
    id_token_encrypted_response_enc: enc,
    userinfo_encrypted_response_alg: alg,
    userinfo_encrypted_response_enc: enc,
    userinfo_signed_response_alg: signed,
  };
  const response = await post(metadata.registration_endpoint, JSON.stringify(document), { 'content-type': 'application/json' });
  return { ...response, privateKey };
}

async function post(url, body, headers) {
  const response = await fetch(url, { method: 'POST', body, headers });
  const text = await response.text();
  assert.ok(response.ok, text);
  return JSON.parse(text);
}

async function signIn({ client_id, client_secret }) {
  const code_verifier = client.randomPKCECodeVerifier();
  const url = new URL(metadata.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid email',
    nonce: 'the-nonce',
    code_challenge: await client.calculatePKCECodeChallenge(code_verifier),
    code_challenge_method: 'S256',
  });
  const answer = await authorize(new Browser(), url, { redirectUri: REDIRECT_URI, user: server.user });
  const fields = { grant_type: 'authorization_code', code: answer.searchParams.get('code'), redirect_uri: REDIRECT_URI, code_verifier };
  const authorization = `Basic ${btoa(`${client_id}:${client_secret}`)}`;
  return post(metadata.token_endpoint, new URLSearchParams(fields), { authorization });
}

for (const registration of REGISTRATIONS) {
  const { alg, enc, signed } = registration;
  test(`${alg} and ${enc}, userinfo ${signed ?? 'not'} signed`, async () => {
    const registered = await register(registration);
    const tokens = await signIn(registered);
    const open = async (token) => {
      const algorithms = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
      const { plaintext, protectedHeader } = await jose.compactDecrypt(token, registered.privateKey, algorithms);
      assert.equal(protectedHeader.kid, 'encryption');
      return { text: new TextDecoder().decode(plaintext), header: protectedHeader };
    };
    const expected = { issuer: server.issuer, audience: registered.client_id };

    const idToken = await open(tokens.id_token);
    assert.equal(idToken.header.cty, 'JWT');
    const { payload } = await jose.jwtVerify(idToken.text, published, expected);
    assert.equal(payload.nonce, 'the-nonce');

    const response = await fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.equal(response.headers.get('content-type'), 'application/jwt');
    const userinfo = await open(await response.text());
    assert.equal(userinfo.header.cty, signed && 'JWT');
    const claims = signed
      ? (await jose.jwtVerify(userinfo.text, published, { ...expected, algorithms: [signed] })).payload
      : JSON.parse(userinfo.text);
    assert.equal(claims.sub, payload.sub);
    assert.equal(claims.email, 'alice@example.org');
  });
}
