/** Looks until `look()` is truthy, and resolves to that; rejects after `ms`, or when looking rejects. */
export async function until(what, ms, look) {
  for (const deadline = Date.now() + ms; Date.now() < deadline; ) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${ms / 1000} s: ${what}`);
}
