// Signing out for an app: the question, the frames in which apps are told, and the way back, with scripts and without.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startInstallation } from '../clients/support/installation.js';
import { launchBrowser, newPerson } from './support/browser.js';
import { decisionButton, signIn } from './support/flow.js';

const SHOP = 'https://shop.example';
const FOREIGN = /^foreign request: https:\/\/shop\.example\//;

let browser;
let server;
let client;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startInstallation({ settings: '\n[registration]\nmode = "open"\n' })]);
  const answer = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'The Shop',
      redirect_uris: [`${SHOP}/callback`],
      token_endpoint_auth_method: 'none',
      post_logout_redirect_uris: [`${SHOP}/bye`],
      frontchannel_logout_uri: `${SHOP}/out`,
      frontchannel_logout_session_required: true,
    }),
  });
  client = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(client));
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs `body(page, asked)` signed in at the shop; `asked` gathers what the shop is asked for. */
async function atTheShop(options, body) {
  const person = await newPerson(browser, { issuer: server.issuer, playground: server.issuer }, options);
  const asked = [];
  await person.context.route(`${SHOP}/**`, (route) => {
    asked.push(new URL(route.request().url()));
    return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Shop</title><p>The shop</p>' });
  });
  try {
    const page = await person.context.newPage();
    const url = new URL(`${server.issuer}/authorize`);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: `${SHOP}/callback`,
      scope: 'openid',
      prompt: 'consent',
      code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
      code_challenge_method: 'S256',
    });
    await page.goto(url.href);
    await signIn(page, server.user);
    await decisionButton(page, 'allow').click();
    await page.waitForURL(`${SHOP}/callback**`);
    await body(page, asked);
    assert.deepEqual(person.problems.filter((problem) => !FOREIGN.test(problem)), []);
  } finally {
    await person.context.close();
  }
}

async function signOut(page) {
  const url = new URL(`${server.issuer}/logout`);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    post_logout_redirect_uri: `${SHOP}/bye`,
    state: 'a state',
  });
  await page.goto(url.href);
  await page.getByText('The Shop asks to sign you out').waitFor();
  await page.locator('button[value=logout]').click();
}

for (const javaScriptEnabled of [true, false]) {
  test(`an app is told in a frame and returned to, ${javaScriptEnabled ? 'by a script' : 'without one'}`, async () => {
    await atTheShop({ javaScriptEnabled }, async (page, asked) => {
      await signOut(page);
      await page.waitForURL(`${SHOP}/bye**`);
      const [told] = asked.filter((url) => url.pathname === '/out');
      assert.deepEqual([...told.searchParams.keys()].sort(), ['iss', 'sid']);
      assert.equal(told.searchParams.get('iss'), server.issuer);
      assert.equal(asked.at(-1).search, '?state=a+state');
      await page.goto(`${server.issuer}/account`);
      await page.locator('#login-submit').waitFor();
    });
  });
}
