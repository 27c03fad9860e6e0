// Every page that a person meets: no serious finding by axe, no sideways scrolling, and a picture of it,
// on a wide and a narrow screen, light and dark, in three languages. UPDATE_SCREENSHOTS=1 also renews the README's pictures.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { startDevice } from '../clients/support/device.js';
import { startInstallation } from '../clients/support/installation.js';
import { startDemo } from '../clients/support/server.js';
import { launchBrowser, newPerson } from './support/browser.js';
import { authorizationRequest, decisionButton, fillSignIn, signIn } from './support/flow.js';

const ROOT = new URL('../../', import.meta.url);
const PICTURES = 'target/screenshots/';
const README_PICTURES = 'static/screenshots/';
const WIDTHS = [1280, 390];

// The README's pictures are English; German has the longest words, and Japanese no spaces to break lines at.
const LOOKS = [
  { locale: 'en-GB', colorScheme: 'light', suffix: '' },
  { locale: 'en-GB', colorScheme: 'dark', suffix: '' },
  { locale: 'de-DE', colorScheme: 'light', suffix: '-de' },
  { locale: 'ja-JP', colorScheme: 'dark', suffix: '-ja' },
];

// axe is against pages that move on by themselves. This one says that the person is signed out, and nothing else.
const REFRESH = ['meta-refresh'];

const PAGES = {
  'account-sessions': { open: openSessions, picture: true },
  'sign-in': { open: openSignIn, picture: true },
  'sign-in-refused': { open: openRefusedSignIn },
  consent: { open: openConsent, picture: true },
  device: { open: openDevice, picture: true },
  'device-refused': { open: openRefusedDevice },
  'device-confirm': { open: openDeviceConfirm, picture: true },
  'device-elsewhere': { open: openDeviceElsewhere, picture: true },
  error: { open: openError, picture: true },
  'sign-in-registered': { open: openRegistered, on: () => registrar },
  'consent-registered': { open: openRegisteredConsent, on: () => registrar },
  logout: { open: openLogout, on: () => registrar },
  'logout-for-app': { open: openLogoutForApp, on: () => registrar },
  'signed-out': { open: openSignedOut, on: () => registrar },
  'signed-out-for-app': { open: openSignedOutForApp, on: () => registrar, except: REFRESH },
  home: { open: (page) => page.goto(server.issuer) },
  account: { open: (page) => openAccount(page, '') },
  'account-profile': { open: (page) => openAccount(page, '/profile') },
  'account-contact': { open: (page) => openAccount(page, '/contact') },
  'account-password': { open: (page) => openAccount(page, '/password') },
  'account-apps': { open: (page) => openApp(page, '/apps') },
  'account-app': { open: (page) => openApp(page, `/apps/${server.clients.web.client_id}`) },
  playground: { open: (page) => page.goto(server.playground) },
};

const SHOP = 'https://shop.example';

let browser;
let server;
let registrar; // where clients may register themselves

before(async () => {
  [browser, server, registrar] = await Promise.all([launchBrowser(), startDemo(), startRegistrar()]);
  for (const folder of [PICTURES, README_PICTURES]) await mkdir(new URL(folder, ROOT), { recursive: true });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await registrar?.stop();
});

for (const [name, { open, on = () => server, picture, except = [] }] of Object.entries(PAGES)) {
  for (const { locale, colorScheme, suffix } of LOOKS) {
    if (suffix && name === 'playground') continue;
    test(`${name}, ${locale}, ${colorScheme}`, async () => {
      const { context } = await newPerson(browser, on(), { locale, colorScheme, reducedMotion: 'reduce' });
      try {
        const page = await context.newPage();
        // The demo's account says that it reads English, so the person chooses.
        if (suffix) await page.goto(`${on().issuer}/login?lang=${suffix.slice(1)}`);
        await open(page);
        assert.ok(locale.startsWith(await page.locator('html').getAttribute('lang')));
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 });
          await assertFits(page, width);
          await takePicture(page, `${name}${suffix}-${width}-${colorScheme}.png`, picture && !suffix);
        }
        await assertAccessible(page, except);
      } finally {
        await context.close();
      }
    });
  }
}

async function openSignIn(page) {
  await page.goto(authorizationRequest(server).url);
  await page.locator('#login-submit').waitFor();
}

async function openRefusedSignIn(page) {
  await openSignIn(page);
  await fillSignIn(page, { username: 'nobody', password: 'not the password' });
  await page.click('#login-submit');
  await page.getByRole('alert').waitFor();
}

async function openAccount(page, path) {
  await page.goto(`${server.issuer}/account${path}`);
  await signIn(page, server.user);
  await page.locator('nav.tabs').waitFor();
}

/** A person who is signed in on two more devices. */
async function openSessions(page) {
  for (const userAgent of [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  ]) {
    const { context } = await newPerson(browser, server, { userAgent });
    await openAccount(await context.newPage(), '');
    await context.close();
  }
  await openAccount(page, '/sessions');
}

/** A page about the app, which has access. */
async function openApp(page, path) {
  await openConsent(page);
  await Promise.all([page.waitForURL(`${server.playground}/**`), decisionButton(page, 'allow').click()]);
  await page.goto(`${server.issuer}/account${path}`);
  await page.locator('main .logo').first().waitFor();
}

async function openConsent(page) {
  await openSignIn(page);
  await signIn(page, server.user);
  await decisionButton(page, 'allow').waitFor();
}

async function openDevice(page) {
  await page.goto(`${server.issuer}/device`);
  await page.locator('#code-submit').waitFor();
}

async function openRefusedDevice(page) {
  await openDevice(page);
  await page.fill('#user-code', 'BBBB-BBBB');
  await page.click('#code-submit');
  await page.getByRole('alert').waitFor();
}

async function openDeviceConfirm(page, from) {
  const device = await startDevice(server, { from });
  await openDevice(page);
  await page.fill('#user-code', device.user_code);
  await page.click('#code-submit');
  await signIn(page, server.user);
  await decisionButton(page, 'allow').waitFor();
}

/** Of the machine's own addresses, but of another network. */
function openDeviceElsewhere(page) {
  return openDeviceConfirm(page, '127.9.9.9');
}

/** An unknown client: there is nowhere to redirect to, so a page says it. */
async function openError(page) {
  const response = await page.goto(authorizationRequest(server, { client_id: 'no-such-client' }).url);
  assert.equal(response.status(), 400);
  await page.locator('h1').waitFor();
}

/** A server where anybody may register a client, and "The Shop", which did: with all its links, and the logo that it was given. */
async function startRegistrar() {
  const started = await startInstallation({
    settings: '\n[registration]\nmode = "open"\n',
    claims: { name: 'Alice Example', email: 'alice@example.org' },
  });
  try {
    const shop = await registerShop(started);
    await started.portcullis('client', 'update', shop.client_id, '--logo', fileURLToPath(new URL('static/demo-app.png', ROOT)));
    return { ...started, playground: started.issuer, clients: { web: shop } };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

async function registerShop({ issuer }) {
  const answer = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'The Shop',
      redirect_uris: [`${SHOP}/callback`],
      post_logout_redirect_uris: [`${SHOP}/bye`],
      frontchannel_logout_uri: `${SHOP}/out`,
      client_uri: SHOP,
      policy_uri: `${SHOP}/privacy`,
      tos_uri: `${SHOP}/terms`,
      token_endpoint_auth_method: 'none',
      scope: 'openid profile email offline_access',
    }),
  });
  const client = await answer.json();
  assert.equal(answer.status, 201, JSON.stringify(client));
  return client;
}

async function openRegistered(page) {
  await page.goto(authorizationRequest(registrar).url);
  await page.locator('#login-submit').waitFor();
  assert.ok(await page.locator('img.logo').evaluate((image) => image.complete && image.naturalWidth > 0));
}

async function openRegisteredConsent(page) {
  await openRegistered(page);
  await signIn(page, registrar.user);
  await decisionButton(page, 'allow').waitFor();
}

/** Has the person sign in to the shop, in a page of its own: where the shop is, nobody answers. */
async function visitShop(page) {
  await page.context().route(`${SHOP}/**`, () => {});
  const shop = await page.context().newPage();
  await openRegisteredConsent(shop);
  await Promise.all([shop.waitForRequest((sent) => sent.url().startsWith(SHOP)), decisionButton(shop, 'allow').click()]);
  await shop.close();
}

async function openLogout(page) {
  await visitShop(page);
  await page.goto(`${registrar.issuer}/logout`);
  await page.locator('button[value=logout]').waitFor();
}

async function openLogoutForApp(page) {
  await visitShop(page);
  const { client_id } = registrar.clients.web;
  const asked = new URLSearchParams({ client_id, post_logout_redirect_uri: `${SHOP}/bye`, state: 'a state' });
  await page.goto(`${registrar.issuer}/logout?${asked}`);
  await page.locator('button[value=logout]').waitFor();
}

async function openSignedOut(page) {
  await openLogout(page);
  await page.locator('button[value=logout]').click();
  await page.locator('.done').waitFor();
}

/** The page that leads on as soon as the apps have been told. */
async function openSignedOutForApp(page) {
  await openLogoutForApp(page);
  await page.locator('button[value=logout]').click();
  await page.locator('#back').waitFor();
}

async function assertFits(page, width) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} wide on a screen of ${width}`);
}

async function takePicture(page, file, forReadme) {
  const png = await page.screenshot({ fullPage: true, animations: 'disabled' });
  const folders = forReadme && process.env.UPDATE_SCREENSHOTS === '1' ? [PICTURES, README_PICTURES] : [PICTURES];
  for (const folder of folders) await writeFile(fileURLToPath(new URL(folder + file, ROOT)), png);
}

async function assertAccessible(page, except) {
  const { violations } = await new AxeBuilder({ page }).disableRules(except).analyze();
  const serious = violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  assert.deepEqual(serious, []);
}
