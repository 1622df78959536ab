/** Unix time in milliseconds that never runs backwards, whatever happens to the system's clock. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
