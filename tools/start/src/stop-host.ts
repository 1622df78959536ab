import type { HostClient } from '@postern/connect/host';

/** A host gives back what it holds within this; see `STOP_DEADLINE_MS` of the host. */
const GONE_WITHIN_MS = 30_000;

/**
 * Ends the host and waits until its process is really gone, because "nothing runs afterwards" is part of the
 * promise. A host that others use too is left to them.
 */
export async function stopHost(host: HostClient): Promise<'stopped' | 'shared'> {
  const { pid } = host.info;
  const { host: counts } = (await host.statistics()) as { host: { clients: number } };
  if (counts.clients > 1) {
    await host.close();
    return 'shared';
  }
  const held = setInterval(() => undefined, 1_000); // an idle connection does not keep this process
  try {
    await host.shutdown();
    await host.closed;
    const deadline = performance.now() + GONE_WITHIN_MS;
    while (isAlive(pid)) {
      if (performance.now() > deadline) throw new Error(`The host process ${pid} did not end.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return 'stopped';
  } finally {
    clearInterval(held);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
