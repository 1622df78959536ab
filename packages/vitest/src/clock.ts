/**
 * Time as it is, also for tests that fake timers: vitest's fake ones replace `performance.now` and `setTimeout`, and a
 * deadline that never comes or a duration of nothing would be told as if it were true.
 */
export const now: () => number = performance.now.bind(performance);

/** A monotonic reading as epoch milliseconds. */
export const epoch: (at: number) => number = (at) => performance.timeOrigin + at;

export const later: typeof setTimeout = setTimeout;
export const notLater: typeof clearTimeout = clearTimeout;
