// Chromium, watched: what went wrong in any page of a context is in `problems`.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const WAIT_MS = 10_000;

export function launchBrowser() {
  const asRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...(asRoot ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * A person's browser: a context with no cookies. `problems` gathers script errors, console errors (content security
 * policy violations are among them), server errors, and requests to anything but the server and its playground.
 */
export async function newPerson(browser, server, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT_MS);
  const ours = [server.issuer, server.playground].map((url) => new URL(url).origin);
  const problems = [];
  context.on('weberror', (error) => problems.push(`script: ${error.error().message}`));
  context.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} at ${message.location().url}`);
  });
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && !ours.includes(origin)) problems.push(`foreign request: ${request.url()}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 500) problems.push(`${response.status()} from ${response.url()}`);
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`${event.effectiveDirective} blocked ${event.blockedURI}`);
    });
  });
  return { context, problems };
}

/** Runs `body(page, person)` in a fresh context and asserts that nothing went wrong in it. */
export async function asPerson(browser, server, body, { options, tolerate } = {}) {
  const person = await newPerson(browser, server, options);
  try {
    await body(await person.context.newPage(), person);
    const problems = person.problems.filter((problem) => !tolerate?.test(problem));
    assert.deepEqual(problems, []);
  } finally {
    await person.context.close();
  }
}
