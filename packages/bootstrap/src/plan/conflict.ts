import { BootstrapError } from '../errors.ts';

export function conflict(message: string, hint: string): BootstrapError {
  return new BootstrapError('BOOTSTRAP_OWNER_CONFLICT', message, { hint });
}
