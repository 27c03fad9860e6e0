// OpenID Connect Session Management: an app's page at an origin of its own asks our frame whether the sign-in is still the one it
// knows.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate } from '../clients/support/certificate.js';
import { startInstallation } from '../clients/support/installation.js';
import { launchBrowser, newPerson } from './support/browser.js';
import { signIn } from './support/flow.js';
import { startSinglePage } from './support/single_page.js';

const BLANK = '<!doctype html><title>An app</title><link rel="icon" href="data:,"><body>';

let browser;
let directory;
let server;
let tls;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portcullis-session-'));
  tls = await makeCertificate(directory);
  [browser, server] = await Promise.all([launchBrowser(), startInstallation({ tls })]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** Runs `body(page, app, context)` with an app at `host`. With `library`, its page is a single-page application. */
async function watched({ host, blind, library, others = [] } = {}, body) {
  const served = await startSinglePage(tls, host);
  const person = await newPerson(browser, { issuer: server.issuer, playground: served.origin }, { ignoreHTTPSErrors: true });
  try {
    const callback = `${served.origin}/callback`;
    const { client_id } = await server.portcullis(
      ...['client', 'create', '--json', '--public', '--trusted', '--name', 'Watcher', '--redirect-uri', callback],
      ...['--scope', 'openid', '--grant-type', 'authorization_code'],
    );
    Object.assign(served.settings, { authority: server.issuer, client_id, redirect_uri: callback, scope: 'openid', ...library });
    if (!library) {
      const ours = (url) => [served.origin, ...others].includes(url.origin);
      await person.context.route(ours, (route) => route.fulfill({ contentType: 'text/html', body: BLANK }));
    }
    if (blind) await person.context.addInitScript(() => { Document.prototype.hasStorageAccess = async () => false; });
    await body(await person.context.newPage(), { client_id, origin: served.origin, callback }, person.context);
    const problems = person.problems.filter((problem) => !others.some((other) => problem === `foreign request: ${other}/`));
    assert.deepEqual(problems, []);
  } finally {
    await person.context.close();
    await served.stop();
  }
}

/** Signs in at the app; resolves to the session_state of the answer. */
async function enter(page, { client_id, callback }, parameters = {}) {
  const url = new URL(`${server.issuer}/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: callback,
    scope: 'openid',
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    ...parameters,
  });
  await page.goto(url.href);
  if (!page.url().startsWith(callback)) await signIn(page, server.user);
  assert.ok(page.url().startsWith(`${callback}?`), page.url());
  return new URL(page.url()).searchParams.get('session_state');
}

async function signOut(page) {
  await page.goto(`${server.issuer}/logout`);
  await Promise.all([page.waitForEvent('load'), page.click('button[value=logout]')]);
}

/** Puts our frame, as the metadata names it, into the page that is open. */
async function embed(page) {
  const metadata = await (await page.context().request.get(`${server.issuer}/.well-known/openid-configuration`)).json();
  await page.evaluate((src) => new Promise((resolve) => {
    window.heard = [];
    addEventListener('message', ({ data, origin }) => heard.push({ data, origin }));
    window.frame = document.createElement('iframe');
    frame.src = src;
    frame.onload = resolve;
    document.body.append(frame);
  }), metadata.check_session_iframe);
}

/** Sends `message` to the frame of the page that is open; resolves to its answer. */
const ask = (page, message) => page.evaluate(({ message, issuer }) => new Promise((resolve, reject) => {
  const answered = ({ data, origin, source }) => {
    if (source === frame.contentWindow && origin === issuer) resolve(data);
    else reject(new Error(`${data} from ${origin}`));
  };
  addEventListener('message', answered, { once: true });
  frame.contentWindow.postMessage(message, issuer);
}), { message, issuer: server.issuer });

test('unchanged while signed in, changed after signing out, unchanged for the next sign-in', async () => {
  await watched({}, async (page, app, context) => {
    const first = await enter(page, app);
    await page.goto(app.origin);
    await embed(page);
    const known = `${app.client_id} ${first}`;
    assert.equal(await ask(page, known), 'unchanged');
    assert.equal(await ask(page, known), 'unchanged');

    // In another tab; the app's page stays where it is.
    const tab = await context.newPage();
    await signOut(tab);
    assert.equal(await ask(page, known), 'changed');
    const second = await enter(tab, app);
    assert.equal(await ask(page, known), 'changed');
    assert.equal(await ask(page, `${app.client_id} ${second}`), 'unchanged');
    assert.deepEqual(await page.evaluate(() => heard.length), 5, 'an answer to each question, and nothing else');
  });
});

test('oi_13 what is no question is an error, and what others were told is no key', async () => {
  await watched({}, async (page, app) => {
    const told = await enter(page, app);
    const [digest, salt] = told.split('.');
    await page.goto(app.origin);
    await embed(page);
    const { client_id } = app;
    for (const message of [
      '', ' ', client_id, told, `${client_id}  ${told}`, ` ${client_id} ${told}`, `${client_id} ${told} `, `${client_id} ${told}\n`,
      `${client_id} ${digest}`, `${client_id} ${digest}.`, `${client_id} .${salt}`, `${client_id} ${told}.${salt}`,
      `${client_id} ${digest} ${salt}`, `${client_id}<script> ${told}`, `${'x'.repeat(5000)} ${told}`,
      null, 7, { client_id, session_state: told }, [`${client_id} ${told}`],
    ]) {
      assert.equal(await ask(page, message), 'error', JSON.stringify(message));
    }
    assert.equal(await ask(page, `another ${told}`), 'changed');
    assert.equal(await ask(page, `${client_id} ${digest}.${salt}x`), 'changed');
    assert.equal(await ask(page, `${client_id} ${told}`), 'unchanged');
  });
});

test('oi_13 a page at another origin learns nothing by the session_state of an app', async () => {
  const stranger = await startSinglePage(tls);
  try {
    await watched({ others: [stranger.origin] }, async (page, app) => {
      const known = `${app.client_id} ${await enter(page, app)}`;
      await page.goto(app.origin);
      await embed(page);
      assert.equal(await ask(page, known), 'unchanged');
      await page.goto(stranger.origin);
      await embed(page);
      assert.equal(await ask(page, known), 'changed');
    });
  } finally {
    await stranger.stop();
  }
});

test('oi_13 who has no origin is not answered', async () => {
  await watched({}, async (page, app) => {
    const known = `${app.client_id} ${await enter(page, app)}`;
    await page.goto(app.origin);
    await embed(page);
    await page.evaluate((message) => new Promise((resolve) => {
      addEventListener('message', ({ data }) => data === 'asked' && resolve());
      const sandboxed = document.createElement('iframe');
      sandboxed.sandbox = 'allow-scripts';
      sandboxed.srcdoc = `<script>
        onmessage = ({ data }) => parent.postMessage('heard ' + data, '*');
        parent.frames[0].postMessage(${JSON.stringify(message)}, '*');
        parent.postMessage('asked', '*');
      </script>`;
      document.body.append(sandboxed);
    }), known);
    // Messages to a frame come in their order: what is answered now was asked after that.
    assert.equal(await ask(page, known), 'unchanged');
    assert.deepEqual(await page.evaluate(() => heard.map(({ data }) => data)), ['asked', 'unchanged']);
  });
});

// Chromium counts the ports of localhost as one site. 127.0.0.1 is another.
test('a page on another site is answered too, as long as its frames are given cookies', async () => {
  await watched({ host: '127.0.0.1' }, async (page, app, context) => {
    const told = await enter(page, app);
    await page.goto(app.origin);
    await embed(page);
    assert.equal(await ask(page, `${app.client_id} ${told}`), 'unchanged');
    const tab = await context.newPage();
    await signOut(tab);
    assert.equal(await ask(page, `${app.client_id} ${told}`), 'changed');
  });
});

test('a browser that hides cookies from the frame has it say so, not "changed"', async () => {
  await watched({ blind: true }, async (page, app) => {
    const told = await enter(page, app);
    await page.goto(app.origin);
    await embed(page);
    assert.equal(await ask(page, `${app.client_id} ${told}`), 'error');
  });
});

test('oidc-client-ts learns that the person has signed out', async () => {
  const library = { monitorSession: true, checkSessionIntervalInSeconds: 1, automaticSilentRenew: false };
  await watched({ library }, async (page, app, context) => {
    await page.goto(app.origin);
    await page.evaluate(() => window.ready);
    await Promise.all([page.waitForURL(`${server.issuer}/**`), page.evaluate(() => void manager.signinRedirect())]);
    await signIn(page, server.user);
    await page.waitForURL(`${app.origin}/**`);
    await page.evaluate(() => window.ready);
    const known = () => page.evaluate(async () => (await manager.getUser()).session_state);
    const first = await known();
    assert.match(first, /^[\w-]{43}\.[\w-]{22}$/);
    assert.deepEqual(await page.evaluate(() => events), []);

    const tab = await context.newPage();
    await signOut(tab);
    await page.waitForFunction(() => events.includes('signed out'));
  });
});
