import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../../../packages/ssm-protocol/test/fixtures/captures/', import.meta.url);

/** Envelopes recorded between the official client and the official agent's own code. */
export function capturedEnvelopes(): Buffer[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(new URL(name, FOLDER), 'utf8').trim().split('\n'))
    .map((line) => (JSON.parse(line) as { hex?: string }).hex)
    .filter((hex) => hex !== undefined)
    .map((hex) => Buffer.from(hex, 'hex'));
}
