// Sign-in and consent, from an application's request to the answer it gets.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDemo } from '../clients/support/server.js';
import { asPerson, launchBrowser } from './support/browser.js';
import { answerTo, authorizationRequest, decisionButton, fillSignIn, signIn, tabTo } from './support/flow.js';

// The playground answers 400 to an authorization response that it did not ask for.
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

test('a wrong password is told in an alert, and the username stays', async () => {
  await asPerson(browser, server, async (page) => {
    await page.goto(authorizationRequest(server).url);
    await fillSignIn(page, { username: server.user.username, password: 'not the password' });
    await page.click('#login-submit');
    await page.getByRole('alert').waitFor();
    assert.equal(await page.inputValue('input[name=username]'), server.user.username);
    assert.equal(await page.inputValue('input[name=password]'), '');
    await signInAgain(page);
  }, { tolerate });
});

async function signInAgain(page) {
  await fillSignIn(page, server.user);
  await page.click('#login-submit');
  await decisionButton(page, 'allow').waitFor();
}

test('after too many wrong passwords the page says when to try again', async () => {
  await asPerson(browser, server, async (page) => {
    await page.goto(authorizationRequest(server).url);
    const statuses = [];
    for (let number = 0; number < 11; number += 1) {
      await fillSignIn(page, { username: 'somebody.else', password: 'not the password' });
      const [response] = await Promise.all([
        page.waitForResponse((answer) => answer.request().method() === 'POST'),
        page.click('#login-submit'),
      ]);
      statuses.push(response.status());
      await page.getByRole('alert').waitFor();
    }
    assert.deepEqual(statuses, [...Array(10).fill(401), 429]);
    const alert = await page.getByRole('alert').innerText();
    assert.match(alert, /Too many attempts\.\s+Try again in 2 minutes\./);
    assert.equal(await page.inputValue('input[name=username]'), 'somebody.else');
    // Another account is not affected.
    await signInAgain(page);
  }, { tolerate });
});

test('allow gives a code, and deny gives access_denied', async () => {
  await asPerson(browser, server, async (page) => {
    const first = authorizationRequest(server);
    await page.goto(first.url);
    await signIn(page, server.user);
    const denied = await answerTo(page, server, () => decisionButton(page, 'deny').click());
    assert.equal(denied.get('error'), 'access_denied');
    assert.equal(denied.get('code'), null);
    assert.equal(denied.get('state'), first.state);
    assert.equal(denied.get('iss'), server.issuer);

    const second = authorizationRequest(server);
    await page.goto(second.url);
    const allowed = await answerTo(page, server, () => decisionButton(page, 'allow').click());
    assertCode(allowed, second);
  }, { tolerate });
});

test('two tabs, interleaved: each finishes its own request', async () => {
  await asPerson(browser, server, async (first, { context }) => {
    const second = await context.newPage();
    const [one, two] = [authorizationRequest(server), authorizationRequest(server)];
    await first.goto(one.url);
    await second.goto(two.url);
    await signIn(first, server.user);
    await signIn(second, server.user); // its form is from before the first tab signed in
    assertCode(await answerTo(first, server, () => decisionButton(first, 'allow').click()), one);
    assertCode(await answerTo(second, server, () => decisionButton(second, 'allow').click()), two);
  }, { tolerate });
});

test('with script disabled', async () => {
  await asPerson(browser, server, async (page) => {
    const request = authorizationRequest(server);
    await page.goto(request.url);
    await signIn(page, server.user);
    assertCode(await answerTo(page, server, () => decisionButton(page, 'allow').click()), request);

    const form = authorizationRequest(server, { response_mode: 'form_post' });
    await page.goto(form.url);
    await decisionButton(page, 'allow').click();
    const button = page.locator('form button, form input[type=submit]').first();
    await button.waitFor();
    const answer = await answerTo(page, server, () => button.click());
    assert.equal(answer.get('code'), null, 'the answer is in the body, not in the URL');
  }, { tolerate, options: { javaScriptEnabled: false } });
});

test('with the keyboard alone', async () => {
  await asPerson(browser, server, async (page) => {
    const request = authorizationRequest(server);
    await page.goto(request.url);
    await tabTo(page, 'input[name=username]');
    await page.keyboard.type(server.user.username);
    await tabTo(page, 'input[name=password]');
    await page.keyboard.type(server.user.password);
    await page.keyboard.press('Enter');
    await decisionButton(page, 'allow').waitFor();
    await tabTo(page, 'button[name=decision][value=allow]');
    assert.ok(await page.evaluate(showsFocus), 'the focus can be seen');
    assertCode(await answerTo(page, server, () => page.keyboard.press('Enter')), request);
  }, { tolerate });
});

test('the answer as a form arrives at the application', async () => {
  await asPerson(browser, server, async (page) => {
    await page.goto(authorizationRequest(server, { response_mode: 'form_post' }).url);
    await signIn(page, server.user);
    const [redirectUri] = server.clients.web.redirect_uris;
    const [request] = await Promise.all([
      page.waitForRequest((sent) => sent.url() === redirectUri && sent.method() === 'POST'),
      decisionButton(page, 'allow').click(),
    ]);
    assert.ok(new URLSearchParams(request.postData()).get('code'));
  }, { tolerate });
});

function assertCode(answer, request) {
  assert.equal(answer.get('error'), null);
  assert.ok(answer.get('code'));
  assert.equal(answer.get('state'), request.state);
  assert.equal(answer.get('iss'), server.issuer);
}

function showsFocus() {
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement);
  return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
}
