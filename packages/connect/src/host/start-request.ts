import type { EnvironmentSettings } from '../config/settings.ts';
import type { RunFolder } from './run-folder.ts';

/** What a client hands to the host process it starts, as JSON on its standard input. No secret. */
export interface StartRequest {
  readonly folder: RunFolder;
  readonly root: string;
  readonly environment: string;
  readonly settings: EnvironmentSettings;
  readonly configHash: string;
  readonly graceMs?: number;
}

/** Written by the host to its fourth stream once clients can connect. */
export const LISTENING = 'listening\n';
