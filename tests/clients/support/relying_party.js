// One code flow as a web application does it with openid-client, every check switched on.

import * as client from 'openid-client';
import { authorize, Browser } from './browser.js';

/** Discovery, over plain http because the issuer is on loopback; ID token signatures are verified against the key set. */
export function discover(server, { client_id, client_secret }, authentication = client.ClientSecretBasic) {
  return client.discovery(new URL(server.issuer), client_id, undefined, authentication(client_secret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });
}

/** What the application remembers between sending the person away and their return. */
export async function newRequest(server, config, parameters = {}) {
  const { redirect_uris, scope } = server.clients.web;
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirect_uris[0],
    scope,
    prompt: 'consent', // offline_access is asked for, OpenID Connect Core 1.0 section 11
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  return { url, checks };
}

/** The person's part: resolves to what the server answered to the application. */
export function visit(server, url, { browser = new Browser(), decision } = {}) {
  return authorize(browser, url, { redirectUri: server.clients.web.redirect_uris[0], user: server.user, decision });
}

/** The whole code flow. */
export async function signIn(server, config, { parameters, browser } = {}) {
  const { url, checks } = await newRequest(server, config, parameters);
  const answer = await visit(server, url, { browser });
  return client.authorizationCodeGrant(config, answer, checks);
}
