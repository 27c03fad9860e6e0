// A person lets a device in, or does not.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { poll, startDevice } from '../clients/support/device.js';
import { startDemo } from '../clients/support/server.js';
import { asPerson, launchBrowser } from './support/browser.js';
import { decisionButton, signIn } from './support/flow.js';

// A wrong code is answered 400, a used one 409.
const tolerate = /^console: Failed to load resource: .* status of 4\d\d/;

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startDemo()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function enter(page, code) {
  await page.goto(`${server.issuer}/device`);
  await page.fill('#user-code', code);
  await Promise.all([page.waitForEvent('load'), page.click('#code-submit')]);
}

async function decide(page, decision) {
  await Promise.all([page.waitForEvent('load'), decisionButton(page, decision).click()]);
  return page.locator('h1').innerText();
}

const warning = (page) => page.getByText('another network than yours');

test('enter the code, sign in, allow: the device gets its tokens, and the code is used', async () => {
  await asPerson(browser, server, async (page) => {
    const device = await startDevice(server);
    await enter(page, 'BBBB-BBBB');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.inputValue('#user-code'), 'BBBB-BBBB');
    await enter(page, device.user_code.toLowerCase().replace('-', ' '));
    await signIn(page, server.user);
    assert.match(await page.locator('h1').innerText(), /Is this in front of you\?/);
    await page.getByText(device.user_code).waitFor();
    await page.getByText('Chrome on a TV').waitFor();
    assert.equal(await warning(page).count(), 0, 'the device is on this machine');
    assert.ok(!page.url().includes(device.user_code), 'the code is in no address');
    assert.deepEqual((await poll(server, device)).json.error, 'authorization_pending');
    assert.equal(await decide(page, 'allow'), 'Your device is connected');
    const { status, json } = await poll(server, device);
    assert.equal(status, 200, JSON.stringify(json));
    assert.ok(json.access_token && json.refresh_token && json.id_token);
    await page.goBack();
    assert.equal(await page.locator('h1').innerText(), 'This code was already used');
  }, { tolerate });
});

test('by the link with the code: it is filled in, and asks all the same', async () => {
  await asPerson(browser, server, async (page) => {
    const device = await startDevice(server);
    await page.goto(device.verification_uri_complete);
    assert.equal(await page.inputValue('#user-code'), device.user_code);
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Tab').then(() => page.click('#code-submit'))]);
    await signIn(page, server.user);
    await decisionButton(page, 'allow').waitFor();
    assert.equal((await poll(server, device)).json.error, 'authorization_pending');
  });
});

test('a device on another network: a warning, and deny ends it', async () => {
  await asPerson(browser, server, async (page) => {
    const device = await startDevice(server, { from: '127.9.9.9' });
    await enter(page, device.user_code);
    await signIn(page, server.user);
    await warning(page).waitFor();
    await page.getByText('127.9.9.9').waitFor();
    assert.equal(await decide(page, 'deny'), 'You refused the device');
    assert.equal((await poll(server, device)).json.error, 'access_denied');
  }, { tolerate });
});

test('not you? somebody else signs in and is asked themselves', async () => {
  await asPerson(browser, server, async (page) => {
    const device = await startDevice(server);
    await enter(page, device.user_code);
    await signIn(page, server.user);
    await page.getByText('Not you?').click();
    await page.locator('#login-submit').waitFor();
    await signIn(page, server.user);
    await decisionButton(page, 'deny').waitFor();
  });
});
