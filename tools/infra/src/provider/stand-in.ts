import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ProviderSchema } from '../schema/schema.ts';
import { answersOf, providerService } from './answers.ts';

/** As configurations name the provider that the stand-in stands in for. Each tool adds the host of its own registry. */
const PROVIDER = 'hashicorp/aws';

export interface StandIn {
  /** `unix:` and the path of the socket, for clients of gRPC. */
  readonly address: string;
  /** What TF_REATTACH_PROVIDERS has to be for Terraform to use this process. */
  readonly reattach: string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves the schema as the provider hashicorp/aws, in this process and on a socket in a private folder. It validates
 * and plans; it makes nothing.
 */
export async function startStandIn(schema: ProviderSchema): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-provider-'));
  const socket = join(folder, 'socket');
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  server.addService(providerService, answersOf(schema));
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    // Terraform has ended, or its user gave up: nobody waits for an answer.
    closing ??= Promise.resolve(server.forceShutdown()).then(() =>
      rm(folder, { recursive: true, force: true }),
    );
    return closing;
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  } catch (error) {
    await close();
    throw error;
  }
  const attachment = {
    Protocol: 'grpc',
    ProtocolVersion: 6,
    Pid: process.pid,
    // The process is not Terraform's to end.
    Test: true,
    Addr: { Network: 'unix', String: socket },
  };
  return {
    address: `unix:${socket}`,
    reattach: JSON.stringify({ [PROVIDER]: attachment }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
