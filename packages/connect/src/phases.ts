import { channel } from 'node:diagnostics_channel';
import type { HostEvent, HostPhase } from './host/protocol.ts';

const phaseEvents = channel('postern:connect:phase');

interface PhaseNote {
  detail?: string;
  counts?: Readonly<Record<string, number>>;
}

/** Runs one step of the work and tells when it starts and how it ended. `note` says what `done` will carry. */
export type RunPhase = <T>(
  phase: HostPhase,
  work: (note: (note: PhaseNote) => void) => Promise<T>,
) => Promise<T>;

/** Tells one event, to the listener and on the diagnostics channel `postern:connect:phase`. */
export type Tell = (event: HostEvent) => void;

export function createTell(listener?: (event: HostEvent) => void): Tell {
  return (event) => {
    phaseEvents.publish(event);
    listener?.(event);
  };
}

/** Every event also goes to the diagnostics channel `postern:connect:phase`. */
export function createPhases(listener?: (event: HostEvent) => void): RunPhase {
  const tell = createTell(listener);
  return async (phase, work) => {
    const startedAt = performance.now();
    const durationMs = (): number => Math.round(performance.now() - startedAt);
    let noted: PhaseNote = {};
    tell({ phase, state: 'started' });
    try {
      const result = await work((note) => {
        noted = { ...noted, ...note };
      });
      tell({ phase, state: 'done', durationMs: durationMs(), ...noted });
      return result;
    } catch (error) {
      const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      tell({ phase, state: 'failed', durationMs: durationMs(), detail });
      throw error;
    }
  };
}
