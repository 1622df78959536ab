/**
 * Runs work that Ctrl-C (or SIGTERM) ends in order: its signal is aborted, it ends what it has started, and the exit code
 * tells. A second Ctrl-C does not wait; servers and processes end with this one, however it ends.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (name: 'SIGINT' | 'SIGTERM'): void => {
    const code = name === 'SIGINT' ? 130 : 143;
    if (controller.signal.aborted) process.exit(code);
    process.exitCode = code;
    console.error('Ending what was started …');
    controller.abort(new Error(`ended by ${name}`));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    await work(controller.signal);
  } catch (error) {
    // Whatever failed then has failed because things were ended.
    if (!controller.signal.aborted) throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
