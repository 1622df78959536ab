import {
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  MessageType,
  ReliableReceiver,
  ReliableSender,
} from '@postern/ssm-protocol';
import { ScriptReader } from '../script-reader.ts';
import { type FuzzTarget, promise } from '../target.ts';

const MAX_BYTES = 64 * 1_024;
const MAX_MESSAGES = 100;
const messageId = '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0';

/** A sender and a receiver between which the script loses, doubles, delays and reorders. */
export function reliabilityTarget(): FuzzTarget {
  return {
    name: 'reliability',
    seeds: [
      Buffer.from('000a010001000200030005010a000000010200030a'.repeat(3), 'hex'),
      Buffer.from('0000000000000000010101010101010102020202020202020909090909', 'hex'),
      Buffer.from('00200020060004ff04ff04ff07000020010002000820010102000400', 'hex'),
    ],
    words: ['\0\x10', '\x01\0', '\x02\0', '\x04\xff', '\x06', '\x07', '\x08', '\x05\0'],
    run(input) {
      transfer(new ScriptReader(input));
    },
  };
}

function transfer(script: ScriptReader): void {
  const sender = new ReliableSender({
    messageType: MessageType.outputStreamData,
    newMessageId: () => messageId,
    maxUnackedBytes: MAX_BYTES,
    maxUnackedMessages: MAX_MESSAGES,
  });
  const receiver = new ReliableReceiver({ maxBufferedMessages: 50, maxBufferedBytes: 20_000 });
  const forward: Buffer[] = [];
  const back: Buffer[] = [];
  let now = 1_700_000_000_000;
  let received = 0;

  const deliver = (bytes: Buffer): void => {
    const message = decodeClientMessage(bytes);
    const { acknowledge, ready } = receiver.receive(message);
    if (acknowledge) back.push(encodeAcknowledge(message, { messageId, createdDateMs: Math.floor(now) }));
    for (const { sequenceNumber, payload } of ready) {
      promise(sequenceNumber === received, 'each message comes once and in order');
      promise(payload[0] === sequenceNumber % 256, 'with what was sent');
      received++;
    }
  };
  const answer = (bytes: Buffer): void => {
    const { sequenceNumber } = decodeAcknowledge(decodeClientMessage(bytes));
    sender.acknowledge(sequenceNumber, now);
  };
  const check = (): void => {
    const { unackedBytes, unackedMessages, windowBytes, windowMessages, messages } = sender.statistics;
    promise(unackedMessages <= messages, 'no more is unacknowledged than was sent');
    promise(unackedMessages > 0 === unackedBytes > 0, 'messages and bytes agree');
    promise(windowBytes <= MAX_BYTES && windowMessages <= MAX_MESSAGES, 'the window has a ceiling');
    promise(windowBytes >= 32 * 1_024 && windowMessages >= 16, 'and a floor');
    promise(unackedMessages <= MAX_MESSAGES, 'what is kept is bounded');
    if (unackedMessages > 0) promise(sender.nextDeadline() !== undefined, 'nothing is forgotten');
    if (!sender.paused && unackedMessages === 0) promise(sender.canSend(1), 'an empty sender can send');
    promise(receiver.bufferedMessages <= 50, 'what a receiver holds is bounded');
  };

  for (let steps = 0; !script.done && steps < 2_000; steps++) {
    const [kind, value] = [script.byte() % 10, script.byte()];
    if (kind === 0) {
      for (let count = value % 40; count >= 0 && sender.canSend(700); count--) {
        const payload = Buffer.alloc(1 + ((value * 3) % 700), sender.nextSequenceNumber % 256);
        forward.push(sender.send(1, [payload], now));
      }
    } else if (kind === 1) take(forward, value, deliver);
    else if (kind === 2) take(back, value, answer);
    else if (kind === 3) forward.splice(value % (forward.length + 1), 1);
    else if (kind === 4) now += value * value;
    else if (kind === 5) forward.push(...sender.due(now));
    else if (kind === 6) sender.pause(now);
    else if (kind === 7) sender.resume(now);
    else if (kind === 8) {
      forward.length = 0;
      back.length = 0;
      const unacked = sender.unackedMessages;
      forward.push(...sender.resendAll(now));
      promise(forward.length === unacked, 'a reopened channel gets what was not acknowledged');
    } else back.splice(value % (back.length + 1), 1);
    check();
  }
  settle(sender, forward, back, deliver, answer, () => {
    now += 50;
    return now;
  });
  promise(received === sender.nextSequenceNumber, 'in the end everything arrives');
}

/** From here on the path is good. */
function settle(
  sender: ReliableSender,
  forward: Buffer[],
  back: Buffer[],
  deliver: (bytes: Buffer) => void,
  answer: (bytes: Buffer) => void,
  later: () => number,
): void {
  for (let turns = 0; sender.unackedMessages > 0; turns++) {
    promise(turns < 3_000, 'everything is acknowledged within 150 s of a good path');
    for (const bytes of forward.splice(0)) deliver(bytes);
    for (const bytes of back.splice(0)) answer(bytes);
    const now = later();
    if ((sender.nextDeadline() ?? Number.POSITIVE_INFINITY) <= now) forward.push(...sender.due(now));
  }
}

/** One of those under way, not always the first; sometimes it stays, and comes again. */
function take(queue: Buffer[], value: number, action: (bytes: Buffer) => void): void {
  const at = value < 128 ? 0 : value % Math.max(1, queue.length);
  const bytes = queue[at];
  if (bytes === undefined) return;
  if (value % 16 !== 15) queue.splice(at, 1);
  action(bytes);
}
