import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { echo } from './destinations.ts';
import { start, waitFor } from './raw-client.ts';
import { psh, syn } from './raw-envelope.ts';
import { ReliableClient } from './reliable-client.ts';
import { running } from './setup.ts';

const until = async (condition: () => boolean): Promise<void> => {
  await waitFor(() => (condition() ? true : undefined));
};

/** The data of a byte stream of PSH frames. */
function dataOf(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at + 2);
    parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts);
}

// A real agent brings back about ten lost messages a second, so it gets fewer.
test.each([
  ['a real agent', {}, 40_000],
  ['an agent that repeats all that is late', { frontOnlyResend: false }, 200_000],
])('noise and cuts lose no byte with %s, and do not make a good client look bad', async (_, agent, bytes) => {
  await using server = await echo();
  await using simulator = await running({ agent });
  simulator.faults.noise({ drop: 0.03, duplicate: 0.05, reorder: 0.05, seed: 3 });
  const access = await start(simulator, { port: server.port });
  const client = new ReliableClient(simulator, access);
  try {
    await client.whenReady();
    client.send(1, syn(3));
    const sent = randomBytes(bytes);
    for (let at = 0; at < sent.length; at += 1_000) {
      client.send(1, psh(3, sent.subarray(at, at + 1_000)));
      if (at % (bytes / 4) !== 0) continue;
      const { channelsOpened } = simulator.statistics();
      if (at === 0) simulator.faults.closeChannel(access.SessionId);
      else simulator.faults.cutChannel(access.SessionId);
      await until(() => simulator.statistics().channelsOpened > channelsOpened);
    }
    await until(() => dataOf(client.output).length >= sent.length && client.unacknowledged === 0);
    expect(dataOf(client.output).equals(sent)).toBe(true);
    expect(simulator.statistics()).toMatchObject({
      messagesDropped: expect.toSatisfy((count: number) => count > 0),
      messagesDuplicated: expect.toSatisfy((count: number) => count > 0),
      messagesReordered: expect.toSatisfy((count: number) => count > 0),
      channelsOpened: 5,
    });
    simulator.assertNoViolations();
  } finally {
    client.close();
  }
});

test('noise may be for one session and one direction only, and stops', async () => {
  await using server = await echo();
  await using simulator = await running();
  const noisy = await start(simulator, { port: server.port });
  const quiet = await start(simulator, { port: server.port });
  const { stop } = simulator.faults.noise({
    sessionId: noisy.SessionId,
    direction: 'to-agent',
    duplicate: 1,
  });
  const clients = [new ReliableClient(simulator, noisy), new ReliableClient(simulator, quiet)];
  try {
    await Promise.all(clients.map((client) => client.whenReady()));
    await until(() => clients.every(({ unacknowledged }) => unacknowledged === 0));
    const doubled = simulator.statistics().messagesDuplicated;
    // Of one session: its HandshakeResponse and what it acknowledged.
    expect(doubled).toBeGreaterThanOrEqual(3);
    stop();
    for (const client of clients) client.send(1, Buffer.concat([syn(3), psh(3, 'x')]));
    await until(() => clients.every(({ output }) => output.length > 0));
    expect(simulator.statistics().messagesDuplicated).toBe(doubled);
  } finally {
    for (const client of clients) client.close();
  }
});

test('what are no probabilities is refused', async () => {
  await using simulator = await running();
  for (const options of [{ drop: -0.1 }, { drop: 0.6, duplicate: 0.6 }, { reorder: Number.NaN }])
    expect(() => simulator.faults.noise(options)).toThrow(
      expect.objectContaining({ code: 'SSM_SIMULATOR_OPTIONS_INVALID' }),
    );
  expect(() => simulator.faults.noise({ sessionId: 'unknown', drop: 1 })).toThrow(
    expect.objectContaining({ code: 'SSM_SIMULATOR_SESSION_UNKNOWN' }),
  );
});
