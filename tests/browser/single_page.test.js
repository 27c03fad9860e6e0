// A single-page application made with oidc-client-ts: a public client in a browser, at an origin of its own. All is https, since
// an address that any program of this machine may take proves no identity, and the consent of people is not remembered there.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate } from '../clients/support/certificate.js';
import { startInstallation } from '../clients/support/installation.js';
import { asPerson, launchBrowser } from './support/browser.js';
import { decisionButton, signIn } from './support/flow.js';
import { startSinglePage } from './support/single_page.js';

let browser;
let directory;
let server;
let tls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portcullis-page-'));
  tls = await makeCertificate(directory);
  const claims = { name: 'Alice Example', email: 'alice@example.org', email_verified: true };
  [browser, server] = await Promise.all([launchBrowser(), startInstallation({ claims, tls })]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** Runs `body(page, application)` with the application at `host`, registered and opened, in a browser that knows nothing. */
async function withApplication({ host, scope = 'openid profile email', trusted = false, settings, tolerate }, body) {
  const application = await startSinglePage(tls, host);
  try {
    const callback = `${application.origin}/callback`;
    const { client_id } = await server.portcullis(
      ...['client', 'create', '--json', '--public', '--name', 'Single page', '--redirect-uri', callback, '--scope', scope],
      ...['--grant-type', 'authorization_code', '--grant-type', 'refresh_token', ...(trusted ? ['--trusted'] : [])],
    );
    Object.assign(application.settings, {
      ...{ authority: server.issuer, client_id, redirect_uri: callback, scope },
      ...{ loadUserInfo: true, automaticSilentRenew: false, ...settings },
    });
    const origins = { issuer: server.issuer, playground: application.origin };
    await asPerson(browser, origins, async (page) => {
      await page.goto(application.origin);
      await page.evaluate(() => window.ready);
      await body(page, application);
    }, { tolerate, options: { ignoreHTTPSErrors: true } });
  } finally {
    await application.stop();
  }
}

/** Signs in by redirect; resolves to the user that the library then has. */
async function enter(page, application, parameters = {}) {
  await Promise.all([
    page.waitForURL(`${server.issuer}/**`),
    page.evaluate((sent) => void manager.signinRedirect(sent), parameters),
  ]);
  await signIn(page, server.user);
  const allow = decisionButton(page, 'allow');
  if (await allow.isVisible()) await allow.click();
  await page.waitForURL(`${application.origin}/**`);
  await page.evaluate(() => window.ready);
  return user(page);
}

/** What the library knows. */
const user = (page) => page.evaluate(async () => {
  const { access_token, refresh_token, id_token, profile, expires_in, session_state } = await manager.getUser();
  return { access_token, refresh_token, id_token, profile, expires_in, session_state };
});

/** Renews without the person; resolves to what the library then knows, or to the error. */
const renew = (page, parameters = {}) => page.evaluate(async (sent) => {
  try {
    const { access_token, refresh_token, id_token, profile } = await manager.signinSilent(sent);
    return { access_token, refresh_token, id_token, profile };
  } catch (error) {
    return { error: error.error ?? error.message };
  }
}, parameters);

test('sign-in by redirect, with userinfo across origins', async () => {
  await withApplication({}, async (page, application) => {
    const { profile, refresh_token, expires_in } = await enter(page, application);
    assert.equal(profile.iss, server.issuer);
    assert.deepEqual([profile.name, profile.email], ['Alice Example', 'alice@example.org']);
    assert.equal(profile.preferred_username, server.user.username);
    assert.equal(refresh_token, undefined);
    assert.ok(expires_in > 800);
  });
});

test('silent renewal by a refresh token, then revocation', async () => {
  const scope = 'openid profile email offline_access';
  const tolerate = /^console: Failed to load resource: .* status of 400/; // the revoked token, tried
  await withApplication({ scope, tolerate }, async (page, application) => {
    const first = await enter(page, application, { prompt: 'consent' });
    const second = await renew(page);
    assert.equal(second.error, undefined);
    assert.notEqual(second.access_token, first.access_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal(second.profile.sub, first.profile.sub);
    const withdrawn = await page.evaluate(async () => {
      const { refresh_token } = await manager.getUser();
      await manager.revokeTokens(['refresh_token']);
      return refresh_token;
    });
    assert.equal(withdrawn, second.refresh_token);
    const again = await page.evaluate(async ({ issuer, refresh_token }) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: manager.settings.client_id, refresh_token });
      return (await fetch(`${issuer}/token`, { method: 'POST', body })).json();
    }, { issuer: server.issuer, refresh_token: withdrawn });
    assert.equal(again.error, 'invalid_grant');
  });
});

test('silent renewal by prompt=none in a frame', async () => {
  await withApplication({}, async (page, application) => {
    const first = await enter(page, application);
    const second = await renew(page);
    assert.equal(second.error, undefined);
    assert.notEqual(second.access_token, first.access_token);
    assert.notEqual(second.id_token, first.id_token);
    assert.equal(second.profile.sub, first.profile.sub);
  });
});

test('a frame learns that nobody is signed in', async () => {
  await withApplication({}, async (page) => {
    assert.deepEqual(await renew(page), { error: 'login_required' });
  });
});

// The session cookie is SameSite=Lax: a frame within another site is not told who is signed in.
test('a frame within another site gets login_required, and a refresh token works there', async () => {
  const scope = 'openid profile email offline_access';
  await withApplication({ host: '127.0.0.1', scope }, async (page, application) => {
    await enter(page, application, { prompt: 'consent' });
    assert.equal((await renew(page)).error, undefined, 'by the refresh token');
    const framed = await renew(page, { forceIframeAuth: true });
    assert.deepEqual(framed, { error: 'login_required' });
  });
});

test('sign-in in a window of its own', async () => {
  await withApplication({}, async (page) => {
    const [popup] = await Promise.all([
      page.waitForEvent('popup'),
      page.evaluate(() => {
        const popup_redirect_uri = manager.settings.redirect_uri;
        window.entered = manager.signinPopup({ popup_redirect_uri }).then(({ profile }) => profile);
      }),
    ]);
    await signIn(popup, server.user);
    await decisionButton(popup, 'allow').click();
    const profile = await page.evaluate(() => window.entered);
    assert.equal(profile.preferred_username, server.user.username);
  });
});

test('sign-out at the server, of which a frame learns', async () => {
  await withApplication({}, async (page, application) => {
    await enter(page, application);
    await Promise.all([page.waitForURL(`${server.issuer}/**`), page.evaluate(() => void manager.signoutRedirect())]);
    await page.getByText('signed out').first().waitFor();
    await page.goto(application.origin);
    await page.evaluate(() => window.ready);
    assert.deepEqual(await renew(page), { error: 'login_required' });
  });
});
