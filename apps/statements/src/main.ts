import process from 'node:process';
import { readSettings } from './settings.ts';
import { createWorker, type InvocationContext, type Report } from './worker.ts';

/** Made when the function is loaded: a missing setting fails the deployment, not the first event. */
const worker = createWorker(readSettings(process.env));

/** The function's entry. Its answer is the report; a failure is thrown, so that whoever invokes can try again. */
export async function handler(event: unknown, context: InvocationContext): Promise<Report> {
  const report = await worker.handle(event, context);
  process.stdout.write(`${JSON.stringify({ level: 'info', message: 'statements', ...report })}\n`);
  return report;
}
