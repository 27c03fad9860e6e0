// Nothing that anybody sends or stores becomes script: hostile names and parameters, looked at with a browser. And were one
// written onto a page unescaped after all, the page's policy would stop it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BINARY, startDemo } from '../clients/support/server.js';
import { launchBrowser, newPerson } from './support/browser.js';
import { answerTo, authorizationRequest, decisionButton, fillSignIn, signIn } from './support/flow.js';

const PAYLOAD = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`;
const HOSTILE = { state: PAYLOAD, nonce: PAYLOAD, login_hint: PAYLOAD, ui_locales: PAYLOAD, display: PAYLOAD };

// The pages that are meant to be refused, and the playground, which did not ask for the answers.
const REFUSED = /^console: Failed to load resource: .* status of 4\d\d/;

let browser;
let server;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startDemo()]);
  portcullis('client', 'update', server.clients.web.client_id, '--name', PAYLOAD);
  portcullis('api', 'update', 'https://notes.example', '--name', PAYLOAD, '--scope', `notes:read=${PAYLOAD}`);
  portcullis('user', 'set-claims', server.user.username, '--name', PAYLOAD);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What an operator does beside the running server. The environment would be read as settings. */
function portcullis(...args) {
  execFileSync(BINARY, [...args, '--issuer', server.issuer, '--data', server.data], { env: {} });
}

/** Runs `body(page, problems)`; `problems()` are those since the last call, beside refusals. No script opens a dialog. */
async function watched(body) {
  const person = await newPerson(browser, server);
  const dialogs = [];
  person.context.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    return dialog.dismiss();
  });
  try {
    const page = await person.context.newPage();
    const problems = () => person.problems.splice(0).filter((problem) => !REFUSED.test(problem));
    await body(page, problems);
    assert.deepEqual(dialogs, []);
  } finally {
    await person.context.close();
  }
}

/** The payload is on the page `times` times, as text and as no element. */
async function assertText(page, times) {
  assert.equal(await page.locator('img[src=x], script').count(), 0, await page.content());
  const text = await page.locator('body').innerText();
  assert.equal(text.split(PAYLOAD).length - 1, times, text);
}

test('xs_02 xs_03 hostile parameters and names are text on every page', async () => {
  await watched(async (page, problems) => {
    await page.goto(authorizationRequest(server, HOSTILE).url);
    assert.equal(await page.inputValue('input[name=username]'), PAYLOAD);
    await assertText(page, 1); // the app
    await fillSignIn(page, { username: PAYLOAD, password: PAYLOAD });
    await page.click('#login-submit');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.inputValue('input[name=username]'), PAYLOAD);
    await assertText(page, 1);
    await signIn(page, server.user);
    await decisionButton(page, 'allow').waitFor();
    await assertText(page, 3); // the app, the person, the scope
    const answer = await answerTo(page, server, () => decisionButton(page, 'allow').click());
    assert.equal(answer.get('state'), PAYLOAD);
    assert.deepEqual([...answer.keys()].sort(), ['code', 'iss', 'session_state', 'state']);

    await page.goto(server.issuer);
    await assertText(page, 1);
    await page.goto(`${server.issuer}/logout`);
    await assertText(page, 1);
    await page.goto(authorizationRequest(server, { ...HOSTILE, prompt: 'select_account' }).url);
    await assertText(page, 2);
    assert.deepEqual(problems(), []);
  });
});

test('xs_01 xs_02 error pages do not repeat what they were sent', async () => {
  await watched(async (page, problems) => {
    const errors = { error: PAYLOAD, error_description: PAYLOAD, error_hint: PAYLOAD, error_uri: 'javascript:alert(3)' };
    for (const parameters of [{ client_id: PAYLOAD }, { redirect_uri: PAYLOAD }, { redirect_uri: 'javascript:alert(4)' }]) {
      const response = await page.goto(authorizationRequest(server, { ...HOSTILE, ...errors, ...parameters }).url);
      assert.equal(response.status(), 400);
      await assertText(page, 0);
      assert.ok(!(await page.content()).includes('javascript:'));
    }
    await page.goto(`${server.issuer}/${encodeURIComponent(PAYLOAD)}?${new URLSearchParams(errors)}`);
    await assertText(page, 0);
    assert.deepEqual(problems(), []);
  });
});

test('xs_05 a hostile state goes through the form post page unharmed', async () => {
  await watched(async (page, problems) => {
    const parameters = { ...HOSTILE, response_mode: 'form_post', prompt: 'none' };
    const [redirectUri] = server.clients.web.redirect_uris;
    const [posted] = await Promise.all([
      page.waitForRequest((sent) => sent.url() === redirectUri && sent.method() === 'POST'),
      page.goto(authorizationRequest(server, parameters).url),
    ]);
    const answer = new URLSearchParams(posted.postData());
    assert.equal(answer.get('state'), PAYLOAD);
    assert.equal(answer.get('error'), 'login_required');
    assert.deepEqual(problems(), []);
  });
});

test('xs_07 a JSON error opened as a page is shown as text', async () => {
  await watched(async (page) => {
    await page.route(`${server.issuer}/token`, (route) =>
      route.continue({ method: 'POST', postData: new URLSearchParams({ client_id: PAYLOAD, grant_type: PAYLOAD }).toString() }),
    );
    const response = await page.goto(`${server.issuer}/token`);
    assert.equal(response.headers()['content-type'], 'application/json');
    assert.equal(response.headers()['x-content-type-options'], 'nosniff');
    await assertText(page, 0);
  });
});

// The other half of the defence, looked at alone: pages as they would be if nothing were escaped.
test('xs_09 without escaping the policy still lets no script run', async () => {
  await watched(async (page, problems) => {
    await page.goto(authorizationRequest(server, HOSTILE).url);
    await assertBlockedOn(page, problems);
    await signIn(page, server.user);
    await decisionButton(page, 'allow').waitFor();
    await assertBlockedOn(page, problems);
  });
});

/** Loads the page again as it would be unescaped; then as it is. */
async function assertBlockedOn(page, problems) {
  assert.deepEqual(problems(), []);
  await page.route('**/interaction/**', withoutEscaping);
  await page.reload();
  assert.ok((await page.locator('img[src=x]').count()) > 0, 'the payload is markup now');
  const found = problems();
  assert.ok(found.some((problem) => problem.includes('script-src-elem blocked inline')), found.join('\n'));
  assert.ok(found.some((problem) => problem.includes('script-src-attr blocked inline')), found.join('\n'));
  await page.unroute('**/interaction/**', withoutEscaping);
  await page.reload();
}

async function withoutEscaping(route) {
  const response = await route.fetch({ maxRedirects: 0 });
  if (!response.headers()['content-type']?.startsWith('text/html')) return route.fulfill({ response });
  const escaped = await response.text();
  const body = escaped.replace(/&#(34|38|39|60|62);/g, (_, code) => String.fromCharCode(Number(code)));
  return route.fulfill({ response, body });
}
