// The playground: the first thing that someone who tries Portcullis sees.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDemo } from '../clients/support/server.js';
import { asPerson, launchBrowser } from './support/browser.js';
import { decisionButton, signIn } from './support/flow.js';

const STEPS = ['request', 'code', 'tokens', 'id-token', 'access-token', 'userinfo'];

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('start, sign in, allow: every step is shown; then refresh and revoke', async () => {
  await asPerson(browser, server, async (page) => {
    await throughTheFlow(page);
    for (const step of STEPS) {
      const shown = page.locator(`#step-${step}`);
      assert.ok(await shown.isVisible(), `#step-${step} is visible`);
      assert.notEqual((await shown.innerText()).trim(), '', `#step-${step} says something`);
    }

    const before = await page.locator('#step-tokens').innerText();
    await page.click('#refresh');
    await page.waitForFunction((old) => document.querySelector('#step-tokens')?.innerText !== old, before);

    await page.click('#revoke');
    await page.getByText(/revoked/i).first().waitFor();
  });
});

test('the back button after it all leads to pages that explain themselves', async () => {
  await asPerson(browser, server, async (page) => {
    await throughTheFlow(page);
    for (let presses = 0; presses < 3; presses += 1) {
      await page.goBack();
      if (page.url() === 'about:blank') return;
      await page.locator('h1').first().waitFor();
      await pressWhateverIsThere(page);
    }
  }, { tolerate: /^console: Failed to load resource: .* status of 4\d\d/ });
});

test('a device login: confirmed in another tab, the tokens appear by themselves', async () => {
  await asPerson(browser, server, async (page) => {
    await page.goto(server.playground);
    await page.click('#device');
    const code = await page.locator('.user-code').innerText();
    assert.ok(await page.locator('.qr').evaluate((image) => image.complete && image.naturalWidth > 0), 'the QR code is drawn');
    const [person] = await Promise.all([page.context().waitForEvent('page'), page.click('#verify')]);
    assert.equal(await person.inputValue('#user-code'), code);
    await person.click('#code-submit');
    await signIn(person, server.user);
    await person.getByText(code).waitFor();
    await decisionButton(person, 'allow').click();
    await person.getByRole('heading', { name: 'Your device is connected' }).waitFor();
    await page.getByRole('heading', { name: 'The device is signed in' }).waitFor();
    await page.getByRole('heading', { name: 'Inside the ID token' }).waitFor();
    assert.equal(await page.locator('.verdicts .failed').count(), 0, 'every check passes');
  });
});

async function throughTheFlow(page) {
  await page.goto(server.playground);
  await page.click('#start');
  await signIn(page, server.user);
  const tokens = page.locator('#step-tokens');
  const allow = decisionButton(page, 'allow');
  await tokens.or(allow).first().waitFor(); // consent is remembered from one test to the next
  if (await allow.isVisible()) await allow.click();
  await tokens.waitFor();
}

/** A form that is shown again can be sent again: that must not fail either, and leads back here. */
async function pressWhateverIsThere(page) {
  const allow = decisionButton(page, 'allow');
  if (!(await allow.isVisible())) return;
  await Promise.all([page.waitForEvent('load'), allow.click()]);
  await page.locator('h1').first().waitFor();
  await page.goBack();
}
