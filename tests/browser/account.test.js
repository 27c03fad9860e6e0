// The account: what a person sees of themselves, changes, and takes back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import AxeBuilder from '@axe-core/playwright';
import { startDemo } from '../clients/support/server.js';
import { asPerson, launchBrowser, newPerson } from './support/browser.js';
import { answerTo, authorizationRequest, decisionButton, fillSignIn, signIn, tabTo } from './support/flow.js';

// The playground answers 400 to an authorization response that it did not ask for; a refused form is a 422.
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

async function openAccount(page, path = '') {
  await page.goto(`${server.issuer}/account${path}`);
  if (page.url().includes('/login')) await signIn(page, server.user);
}

async function press(page, name) {
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name }).click()]);
}

async function assertAccessible(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  assert.deepEqual(serious, []);
}

test('a profile is changed, and a mistake is told beside its line', async () => {
  await asPerson(browser, server, async (page) => {
    await page.goto(server.issuer);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await signIn(page, server.user);
    await page.getByRole('link', { name: 'Manage your account' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Profile' }).click();
    await page.getByLabel('Nickname').fill('Countess <b>');
    await page.getByLabel('Street and number').fill('12 St. James’s Square\nBack door');
    await page.getByLabel('Website').fill('javascript:alert(1)');
    await press(page, 'Save');
    const alert = page.getByRole('alert');
    await alert.getByRole('link', { name: 'Website' }).click();
    const website = page.getByLabel('Website');
    assert.ok(await website.evaluate((input) => input.matches(':target, :focus') || input === document.activeElement));
    assert.equal(await website.getAttribute('aria-invalid'), 'true');
    assert.equal(await page.getByLabel('Nickname').inputValue(), 'Countess <b>', 'nothing is lost');
    await assertAccessible(page);
    await website.fill('https://ada.example');
    await press(page, 'Save');
    await page.getByRole('status').getByText('Your changes are saved.').waitFor();
    assert.equal(await page.getByLabel('Street and number').inputValue(), '12 St. James’s Square\nBack door');
    assert.equal(await website.inputValue(), 'https://ada.example');
  }, { tolerate });
});

test('an app is removed: it has to ask again', async () => {
  await asPerson(browser, server, async (page) => {
    const [, name] = await allowApp(page);
    await openAccount(page, '/apps');
    await page.getByRole('link', { name: `Remove access of ${name}` }).click();
    await assertAccessible(page);
    await page.getByRole('link', { name: 'Keep' }).click();
    await page.getByRole('link', { name: `Remove access of ${name}` }).click();
    await press(page, 'Remove access');
    await page.getByRole('status').waitFor();
    assert.equal(await page.getByRole('link', { name: `Remove access of ${name}` }).count(), 0);
    await page.goto(authorizationRequest(server, { prompt: '' }).url);
    await decisionButton(page, 'allow').waitFor();
  }, { tolerate });
});

/** Allows the web client what it asks for; resolves to the answer and the app's name. */
async function allowApp(page) {
  await page.goto(authorizationRequest(server).url);
  if (page.url().includes('/login')) await signIn(page, server.user);
  const name = await page.locator('.sub bdi').innerText();
  const answer = await answerTo(page, server, () => decisionButton(page, 'allow').click());
  const { client_id, client_secret, redirect_uris } = server.clients.web;
  assert.ok(client_id && redirect_uris && answer.get('code'), String(client_secret !== undefined));
  return [answer, name];
}

test('a session is ended from elsewhere', async () => {
  const phone = await newPerson(browser, server, {
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1',
  });
  try {
    const there = await phone.context.newPage();
    await openAccount(there);
    await asPerson(browser, server, async (page) => {
      await openAccount(page, '/sessions');
      const line = page.getByRole('listitem').filter({ hasText: 'Safari on iPhone' }).first();
      await line.getByText('127.0.0.1').or(line.getByText('::1')).waitFor();
      await assertAccessible(page);
      await press(page, /^Sign out Safari on iPhone/);
      await page.getByRole('status').getByText('That device is signed out.').waitFor();
    });
    await there.goto(`${server.issuer}/account/profile`);
    assert.ok(there.url().endsWith('/login?to=profile'));
  } finally {
    await phone.context.close();
  }
});

test('after signing out, going back shows nothing', async () => {
  await asPerson(browser, server, async (page) => {
    await openAccount(page, '/profile');
    await page.getByLabel('Full name').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await press(page, 'Sign out');
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await page.goBack();
    await page.getByLabel('Password').waitFor();
    assert.equal(await page.getByText(server.user.username).count(), 0);
  }, { tolerate });
});

test('with the keyboard alone', async () => {
  await asPerson(browser, server, async (page) => {
    await openAccount(page);
    await tabTo(page, 'nav a[href$="/account/profile"]');
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
    await tabTo(page, '#line-middle_name');
    await page.keyboard.type('King');
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
    await page.getByRole('status').getByText('Your changes are saved.').waitFor();
    assert.equal(await page.getByLabel('Middle name').inputValue(), 'King');
  });
});

// Last: it changes the password of the demo's user.
test('a new password ends the session of the other browser', async () => {
  const other = await newPerson(browser, server);
  try {
    const elsewhere = await other.context.newPage();
    await openAccount(elsewhere);
    await asPerson(browser, server, async (page) => {
      await openAccount(page, '/password');
      const change = async (current, next) => {
        await page.getByLabel('Present password').fill(current);
        await page.getByLabel('New password', { exact: true }).fill(next);
        await page.getByLabel('New password again').fill(next);
        await press(page, 'Change password');
      };
      await change('not the password', 'three rusty hinges');
      await page.getByText('This is not your present password.').waitFor();
      assert.equal(await page.getByLabel('Present password').inputValue(), '');
      await assertAccessible(page);
      await change(server.user.password, 'three rusty hinges');
      await page.getByRole('status').getByText('Your password is changed.').waitFor();
    }, { tolerate });
    await elsewhere.goto(`${server.issuer}/account`);
    await fillSignIn(elsewhere, { username: server.user.username, password: 'three rusty hinges' });
    await Promise.all([elsewhere.waitForEvent('load'), elsewhere.click('#login-submit')]);
    await elsewhere.getByRole('heading', { name: 'Your account' }).waitFor();
  } finally {
    await other.context.close();
  }
});
