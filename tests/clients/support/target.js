// Which server the client tests talk to: the demo on SQLite, or `portcullis serve` on PostgreSQL.

import { startDemo } from './server.js';
import { startOnPostgres } from './postgres.js';

/** `PORTCULLIS_TEST_TARGET` says which: `demo` (when it is not set) or `postgres`. Both resolve to the same shape. */
export function startServer() {
  const target = process.env.PORTCULLIS_TEST_TARGET ?? 'demo';
  const start = { demo: startDemo, postgres: startOnPostgres }[target];
  if (!start) throw new Error(`PORTCULLIS_TEST_TARGET=${target} is neither demo nor postgres`);
  return start();
}
