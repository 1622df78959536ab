import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Violation } from '../src/index.ts';
import { closedPort, echo } from './destinations.ts';
import { type Access, jumpHost, openText, RawClient, user, waitFor } from './raw-client.ts';
import { type RawMessage, rawDecode } from './raw-envelope.ts';
import { running } from './setup.ts';

// Recordings of the official client talking to the official agent. The client's half is played against the
// simulator, byte for byte; the answers have to be the recorded ones, but for what cannot be the same: message ids,
// times, the port, how TCP cut the echoed bytes, and how acknowledgements and output interleave.

interface Recorded {
  from: 'opening' | 'client' | 'agent';
  hex?: string;
}

const recording = (name: string): Recorded[] =>
  readFileSync(new URL(`fixtures/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded)
    .filter(({ from }) => from !== 'opening');

interface Answers {
  acknowledgements: string[];
  messages: string[];
  streams: Record<string, string>;
}

/** The agent's side of a conversation in a form that can be compared. */
function answers(messages: readonly RawMessage[]): Answers {
  const bySequence = new Map<number, RawMessage>();
  for (const message of messages)
    if (message.type === 'output_stream_data') bySequence.set(message.sequence, message);
  const ordered = [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
  return {
    acknowledgements: messages
      .filter(({ type }) => type === 'acknowledge')
      .map(({ flags, sequence, payload }) => `${flags} ${sequence} ${payload.toString()}`),
    messages: ordered
      .filter(({ payloadType }) => payloadType !== 1)
      .map(({ sequence, flags, payloadType, payload }) => {
        // How many data messages came before depends on how TCP cut them.
        const place = payloadType === 10 ? '' : `${sequence} `;
        const body = payloadType === 10 ? payload.toString('hex') : payload.toString();
        return `${place}${flags} ${payloadType} ${body}`
          .replace(/"portNumber":"\d+"/, '"portNumber":"PORT"')
          .replace(/"HandshakeTimeToComplete":\d+/, '"HandshakeTimeToComplete":NS');
      }),
    streams: streamsOf(
      Buffer.concat(ordered.filter(({ payloadType }) => payloadType === 1).map(({ payload }) => payload)),
    ),
  };
}

/** Data of each smux stream, and how it ended. */
function streamsOf(bytes: Buffer): Record<string, string> {
  const streams: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16LE(at + 2);
    const id = String(bytes.readUInt32LE(at + 4));
    const data = bytes.toString('hex', at + 8, at + 8 + length);
    streams[id] = (streams[id] ?? '') + (bytes[at + 1] === 1 ? ' FIN' : data);
    at += 8 + length;
  }
  return streams;
}

const dataBytes = (streams: Record<string, string>): number => Object.values(streams).join('').length;

test.each([
  { name: 'mux-two-streams', version: '3.3.987.0', host: '127.0.0.1', listening: true },
  { name: 'mux-refused', version: '3.3.987.0', host: '127.0.0.1', listening: false },
  { name: 'basic', version: '3.0.100.0', host: '127.0.0.1', listening: true },
  { name: 'forbidden-host', version: '3.3.987.0', host: '169.254.169.254', listening: false },
])('the official client hears from the simulator what it heard from the agent: $name', async (recorded) => {
  await using server = await echo();
  await using simulator = await running({ agent: { version: recorded.version, pacing: true } });
  const port = recorded.listening ? server.port : await closedPort();
  const access = (await simulator.handleApi(
    'StartSession',
    {
      Target: jumpHost,
      DocumentName: 'AWS-StartPortForwardingSessionToRemoteHost',
      Parameters: { host: [recorded.host], portNumber: [String(port)], localPortNumber: ['1077'] },
    },
    user,
  )) as Access;
  const client = await RawClient.open(access, openText(access.TokenValue));
  client.acknowledges = false;

  const past: RawMessage[] = [];
  const lines = recording(recorded.name);
  const lastAnswer = lines.findLastIndex(({ from }) => from === 'agent');
  for (const [index, { from, hex = '' }] of lines.entries()) {
    const message = rawDecode(Buffer.from(hex, 'hex'));
    if (from === 'agent') {
      past.push(message);
      continue;
    }
    // Sent into the void: the agent had left by then.
    if (index > lastAnswer && message.type === 'input_stream_data') await client.message('channel_closed');
    // The client says this only after it has heard everything that was recorded before.
    const before = answers(past);
    await waitFor(() => {
      const heard = answers(client.received);
      return heard.acknowledgements.length >= before.acknowledgements.length &&
        heard.messages.length >= before.messages.length &&
        dataBytes(heard.streams) >= dataBytes(before.streams)
        ? true
        : undefined;
    });
    client.send(message.bytes);
  }
  await client.message('channel_closed');
  const expected = answers(past);
  expect(answers(client.received)).toEqual(expected);
  // On a busy machine the agent repeats something, and the official client does not acknowledge that. What it
  // acknowledged had other MessageIds when it was recorded.
  const allowed = ({ kind, detail }: Violation): boolean =>
    kind === 'missing-re-ack' || detail.startsWith('AcknowledgedMessageId');
  expect(simulator.violations().filter((violation) => !allowed(violation))).toEqual([]);
});
