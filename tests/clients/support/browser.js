// A browser without script, as small as the client tests need: cookies, redirects, forms.

import assert from 'node:assert/strict';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { parse } from 'node-html-parser';

const MAX_HOPS = 10;

export class Browser {
  #cookies = new Map();
  #ca;
  #heard;

  /**
   * `ca`: the certificate (PEM) to trust where an address is https. `heard({ url, method, status, headers })` is told of every
   * answer.
   */
  constructor({ ca, heard } = {}) {
    this.#ca = ca;
    this.#heard = heard;
  }

  /**
   * Follows redirects until a page answers, or until the server sends us to `callback`: that URL is never fetched.
   * Resolves to `{ callback: URL }` or to `{ url, status, text, document }`.
   */
  async open(url, { callback, method = 'GET', body } = {}) {
    let next = new URL(url);
    for (let hop = 0; hop < MAX_HOPS; hop += 1) {
      const response = await send(next, { method, headers: this.#headers(next, method), ca: this.#ca }, body);
      this.#remember(response);
      this.#heard?.({ url: next, method, status: response.status, headers: response.headers });
      const { location } = response.headers;
      if (location === undefined) {
        return { url: next, status: response.status, text: response.text, document: parse(response.text) };
      }
      assert.ok([302, 303].includes(response.status), `${response.status} from ${next}`);
      next = new URL(location, next);
      if (callback && isAt(next, callback)) return { callback: next };
      method = 'GET';
      body = undefined;
    }
    throw new Error(`more than ${MAX_HOPS} redirects from ${url}`);
  }

  /** Submits `form` of `page` as a click on the button `[name, value]` would, with `fields` typed in. */
  async submit(page, form, { fields = {}, button, callback } = {}) {
    const body = formFields(form);
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    if (button) body.append(...button);
    return this.open(formAction(page, form), { method: 'POST', body, callback });
  }

  /** Drops the cookie `name`. */
  forget(name) {
    this.#cookies.delete(name);
  }

  #headers(url, method) {
    const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    if (cookies) headers.cookie = cookies;
    if (method === 'POST') {
      headers['content-type'] = 'application/x-www-form-urlencoded';
      headers.origin = url.origin;
      headers['sec-fetch-site'] = 'same-origin';
    }
    return headers;
  }

  #remember(response) {
    for (const line of response.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, ...value] = pair.split('=');
      const gone = attributes.some((attribute) => /^max-age=(0|-\d+)$/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value.join('='));
    }
  }
}

/** Signs in and decides where it is asked; resolves to the first page that asks for neither, the server's or an application's. */
export async function answerPages(browser, page, { user: { username, password }, decision = 'allow' }) {
  for (let step = 0; step < 4; step += 1) {
    const login = page.document.querySelector('form:has(input[name=password])');
    const consent = page.document.querySelector('form:has(button[name=decision])');
    if (login) page = await browser.submit(page, login, { fields: { username, password } });
    else if (consent) page = await browser.submit(page, consent, { button: ['decision', decision] });
    else return page;
  }
  throw new Error(`it asks again and again: ${page.status} from ${page.url}`);
}

/** Lets a device in, or not: enters its code in a browser of its own and signs in. Resolves to the heading of the last page. */
export async function enterUserCode(server, userCode, decision) {
  const browser = new Browser();
  let page = await browser.open(`${server.issuer}/device`);
  const form = () => page.document.querySelector('form');
  page = await browser.submit(page, form(), { fields: { user_code: userCode } });
  assert.ok(page.document.querySelector('input[name=password]'), `${page.status} ${page.document.structuredText}`);
  const { username, password } = server.user;
  page = await browser.submit(page, form(), { fields: { username, password } });
  assert.ok(page.document.structuredText.includes(userCode), 'the code is shown for comparison');
  page = await browser.submit(page, form(), { button: ['decision', decision] });
  return page.document.querySelector('h1').structuredText;
}

/** One request as a browser navigates: `fetch` would say that a script asks. */
function send(url, options, body) {
  const request = url.protocol === 'https:' ? secure : plain;
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, signal: AbortSignal.timeout(15_000) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body?.toString());
  });
}

/**
 * Takes an authorization request to its end: signs in and decides where it is asked.
 * Resolves to the URL of the answer, or to a POST `Request` when the answer is a form (`form_post`).
 */
export async function authorize(browser, url, { redirectUri, user, decision = 'allow' }) {
  let page = await browser.open(url, { callback: redirectUri });
  for (let step = 0; step < 4; step += 1) {
    if (page.callback) return page.callback;
    page = await answer(browser, page, { redirectUri, user, decision });
    if (page instanceof Request) return page;
  }
  throw new Error(`the request did not end; it stopped at ${page.url}`);
}

async function answer(browser, page, { redirectUri, user, decision }) {
  const { document } = page;
  const login = document.querySelector('form:has(input[name=password])');
  if (login) {
    assert.ok(login.querySelector('#login-submit'), 'the sign-in form has its submit button');
    assert.ok(login.querySelector('input[type=hidden][name=csrf]'), 'the sign-in form carries a csrf field');
    const { username, password } = user;
    return browser.submit(page, login, { fields: { username, password }, callback: redirectUri });
  }
  const consent = document.querySelector('form:has(button[name=decision])');
  if (consent) {
    return browser.submit(page, consent, { button: ['decision', decision], callback: redirectUri });
  }
  const form = document.querySelector('form');
  if (form && isAt(formAction(page, form), redirectUri)) {
    return new Request(formAction(page, form), { method: form.getAttribute('method'), body: formFields(form) });
  }
  throw new Error(`${page.status} from ${page.url}: ${document.structuredText.slice(0, 500)}`);
}

function formAction(page, form) {
  return new URL(form.getAttribute('action') ?? page.url, page.url);
}

function formFields(form) {
  const fields = new URLSearchParams();
  for (const input of form.querySelectorAll('input[name]')) {
    const ticked = !['checkbox', 'radio'].includes(input.getAttribute('type')) || input.hasAttribute('checked');
    if (ticked) fields.append(input.getAttribute('name'), input.getAttribute('value') ?? '');
  }
  return fields;
}

function isAt(url, redirectUri) {
  const { origin, pathname } = new URL(redirectUri);
  return url.origin === origin && url.pathname === pathname;
}
