import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PayloadType } from '@postern/ssm-protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { ScriptedAgent } from './scripted-agent.ts';

/** What one test wants the service to do. */
export interface GatewayScript {
  /** The answer to StartSession: a body, or an error name with its message. Default: a good one. */
  startSession?: (url: string) => object | { __type: string; message: string };
  /** Status of the upgrade, if it is to be refused. */
  upgradeStatus?: number;
  /** Never answers the upgrade. */
  upgradeHangs?: boolean;
  /** The agent's part once OpenDataChannel came. */
  run?: (socket: WebSocket, agent: ScriptedAgent) => void;
  /** Called for each message of the client after OpenDataChannel. */
  onMessage?: (socket: WebSocket, agent: ScriptedAgent, bytes: Buffer) => void;
  autoPong?: boolean;
  /** The answer to ResumeSession, like that to StartSession. Default: the session is over. */
  resumeSession?: (url: string) => object;
  /** The answer to TerminateSession. Default: done. */
  terminateSession?: () => object;
}

export interface ScriptedGateway extends AsyncDisposable {
  readonly endpoint: string;
  /** Of the newest session. */
  readonly agent: ScriptedAgent;
  /** Names of the API operations called, with their bodies. */
  readonly calls: { operation: string; body: Record<string, unknown> }[];
  readonly upgrades: { url: string; headers: IncomingMessage['headers'] }[];
  readonly openings: string[];
  readonly sockets: Set<WebSocket>;
}

/** A service and agent in one, under the control of a test: for what the simulator rightly never does. */
export async function startScriptedGateway(script: GatewayScript = {}): Promise<ScriptedGateway> {
  let agent = new ScriptedAgent();
  const calls: ScriptedGateway['calls'] = [];
  const upgrades: ScriptedGateway['upgrades'] = [];
  const openings: string[] = [];
  const sockets = new Set<WebSocket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      calls.push({ operation, body: JSON.parse(Buffer.concat(chunks).toString()) });
      const { port } = server.address() as AddressInfo;
      const url = `ws://127.0.0.1:${port}/v1/data-channel/s-1?role=publish_subscribe&cell-number=AA+b/c=`;
      const answers: Record<string, () => object> = {
        StartSession: () => {
          if (openings.length > 0) agent = new ScriptedAgent();
          return (
            script.startSession?.(url) ?? { SessionId: 's-1', TokenValue: 'secret-token', StreamUrl: url }
          );
        },
        ResumeSession: () => script.resumeSession?.(url) ?? { SessionId: 's-1' },
        TerminateSession: () => script.terminateSession?.() ?? { SessionId: 's-1' },
      };
      const answer = answers[operation]?.() ?? { __type: 'UnknownOperationException' };
      response.writeHead('__type' in answer ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(answer));
    });
  });
  const webSockets = new WebSocketServer({ noServer: true, autoPong: script.autoPong ?? true });
  const raw = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    raw.add(socket);
    upgrades.push({ url: request.url ?? '', headers: request.headers });
    if (script.upgradeHangs) return;
    if (script.upgradeStatus !== undefined) {
      socket.end(`HTTP/1.1 ${script.upgradeStatus} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.add(webSocket);
      webSocket.on('error', () => {});
      webSocket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) {
          agent.receive(data);
          script.onMessage?.(webSocket, agent, data);
          return;
        }
        openings.push(data.toString());
        script.run?.(webSocket, agent);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get agent() {
      return agent;
    },
    calls,
    upgrades,
    openings,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of raw) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An agent that completes the handshake, acknowledges everything, and ends when it is told to. */
export const politeAgent: Pick<GatewayScript, 'run' | 'onMessage'> = {
  run: (socket, agent) => {
    socket.send(agent.handshakeRequest());
    socket.send(agent.handshakeComplete());
  },
  onMessage: (socket, agent) => {
    const message = agent.received.at(-1);
    if (message?.messageType !== 'input_stream_data') return;
    socket.send(agent.acknowledge(message));
    if (message.payloadType === PayloadType.flag)
      socket.send(agent.control('channel_closed', '{"Output":""}'));
  },
};
