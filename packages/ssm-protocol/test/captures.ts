import { readFileSync } from 'node:fs';

/** Frames recorded between the official client and the official agent's own session code. */
export interface CapturedFrame {
  readonly from: 'opening' | 'client' | 'agent';
  readonly text?: string;
  readonly hex?: string;
}

export const captureNames = ['mux-two-streams', 'mux-refused', 'basic', 'forbidden-host'] as const;

export function readCapture(name: (typeof captureNames)[number]): CapturedFrame[] {
  const file = new URL(`./fixtures/captures/${name}.jsonl`, import.meta.url);
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as CapturedFrame);
}
