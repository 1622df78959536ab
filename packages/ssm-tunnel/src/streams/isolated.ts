/**
 * Runs what may end in a handler of the user. An exception there is the user's own and is thrown as such, a moment later:
 * in the middle of a message it would take the bytes of every other stream with it.
 */
export function isolated(action: () => void): void {
  try {
    action();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
