// What a person does with the pages, and the requests that bring them there.

import { createHash, randomBytes } from 'node:crypto';

/** A fresh authorization request of the web client; the consent page is always asked for. */
export function authorizationRequest(server, parameters = {}) {
  const { client_id, redirect_uris, scope } = server.clients.web;
  const state = randomBytes(16).toString('base64url');
  const url = new URL(`${server.issuer}/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: redirect_uris[0],
    scope,
    prompt: 'consent',
    state,
    nonce: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    ...parameters,
  });
  return { url: url.href, state };
}

export async function fillSignIn(page, { username, password }) {
  await page.fill('input[name=username]', username);
  await page.fill('input[name=password]', password);
}

/** Signs in; resolves when the page after it has loaded. */
export async function signIn(page, user) {
  await fillSignIn(page, user);
  await Promise.all([page.waitForEvent('load'), page.click('#login-submit')]);
}

export function decisionButton(page, value) {
  return page.locator(`button[name=decision][value=${value}]`);
}

/** Does `act` and resolves to the parameters of the answer that it sends to the web client. */
export async function answerTo(page, server, act) {
  const [redirectUri] = server.clients.web.redirect_uris;
  const [request] = await Promise.all([
    page.waitForRequest((sent) => sent.url().split('?')[0] === redirectUri),
    act(),
  ]);
  return new URL(request.url()).searchParams;
}

/** Presses Tab until the element that matches `selector` has the focus, as a person without a mouse does. */
export async function tabTo(page, selector) {
  const focused = () => page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
  for (let presses = 0; presses < 30; presses += 1) {
    if (await focused()) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${selector}`);
}
