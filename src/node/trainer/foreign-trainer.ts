/** A foreign trainer behind the trainer port: a process that gets the site's encoded rows once, then one request per round. */
import type { SiteData } from '../../core/data/dataset.ts';
import { evaluateOutputs } from '../../core/learning/evaluate.ts';
import type { Trainer } from '../../core/learning/trainer.ts';
import { admitOutputs, admitReady, admitTrained, expectedTensors } from '../../core/learning/trainer-admission.ts';
import {
  checkSite,
  evaluateMessage,
  helloMessage,
  helloOf,
  type TrainerAnswer,
  trainMessage,
} from '../../core/learning/trainer-protocol.ts';
import { mostTensorBytes } from '../../core/learning/trainer-tensors.ts';
import { UserError } from '../../core/protocol/problem.ts';
import type { Task } from '../../core/protocol/task.ts';
import { nameOf, TrainerProcess, type TrainerSettings } from './trainer-process.ts';

/** A trainer whose process can be ended. */
export interface ForeignTrainer extends Trainer {
  /** Ends the process with everything it started; requests fail from now on. */
  close(): Promise<void>;
}

/**
 * The trainer that a command starts, for one task on one site's rows. The process is started by the first request, and anew by the first
 * one after a failure. Its answers are admitted like a stranger's (`trainer-admission.ts`), and quality is measured here, from the outputs
 * it gives for the test rows. Throws UserError when the site has more rows than a foreign trainer is told, and for a task with dp-sgd: its
 * noise is added at every step, inside the program, and nobody could see whether it was. Requests throw TrainerFailure when it fails at
 * them, UserError when it cannot take part in the task.
 *
 * Not protected: the program runs as this user, can read what this user can, and can use the network.
 */
export function createForeignTrainer(task: Task, site: SiteData, settings: TrainerSettings): ForeignTrainer {
  if (task.privacy !== 'none' && task.privacy.mechanism === 'dp-sgd') {
    throw new UserError(
      nameOf(settings.command),
      `cannot train ${task.name}: with dp-sgd the program that trains draws the batches and adds the noise, and would have to be believed`,
      'Leave out --trainer for this task, or use one with dp-fedavg, where whole updates are clipped here.',
    );
  }
  const hello = helloOf(task);
  const most = (asked: 'hello' | 'train' | 'evaluate') => mostTensorBytes(expectedTensors(hello, site, asked));
  checkSite(site, most('evaluate'));
  let current: TrainerProcess | null = null;
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  async function ready(signal?: AbortSignal): Promise<TrainerProcess> {
    if (closed) throw new RangeError('trainer: it was closed');
    if (current?.alive) return current;
    const starting = new TrainerProcess(settings);
    current = starting;
    const name = await starting.ask(
      helloMessage(hello, site),
      most('hello'),
      said => readyName(said, settings),
      signal,
    );
    settings.log({ event: 'trainer-ready', detail: `${nameOf(settings.command)}: ${name}` });
    return starting;
  }

  /** One request after the other, whoever asks. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  }

  async function outputsOf(parameters: Float32Array, signal?: AbortSignal): Promise<Float32Array> {
    const message = evaluateMessage(hello, parameters);
    const trainer = await ready(signal);
    return trainer.ask(message, most('evaluate'), (said, body) => admitOutputs(said, body, hello, site), signal);
  }

  return {
    manifest: hello.parameters,
    train(request) {
      return inTurn(async () => {
        const { signal } = request;
        if (request.model !== undefined) throw wholeModelOnly(task, settings);
        const message = trainMessage(hello, site.train.rows, request);
        const trainer = await ready(signal);
        return trainer.ask(message, most('train'), (said, body) => admitTrained(said, body, hello, site), signal);
      });
    },
    evaluate(parameters, signal) {
      return inTurn(async () => {
        const outputs = site.test.rows === 0 ? new Float32Array(0) : await outputsOf(parameters, signal);
        return evaluateOutputs(outputs, site.test.labels, hello.output, hello.loss, task.evaluation.pooledAucBins);
      });
    },
    async close() {
      closed = true;
      await current?.close();
    },
  };
}

/** The process was told one model, and its protocol has no other. */
function wholeModelOnly({ name }: Task, { command }: TrainerSettings): UserError {
  return new UserError(
    nameOf(command),
    `cannot train ${name}: federated dropout trains a smaller model in every round, and a foreign trainer knows the whole one only`,
    'Leave out --trainer for this task, or ask for one with protection.compression random-mask or none.',
  );
}

/** A trainer that says an error before it is ready will say it again: the site cannot take part with it. */
function readyName(said: TrainerAnswer, { command }: TrainerSettings): string {
  if (said.type !== 'error') return admitReady(said);
  throw new UserError(
    nameOf(command),
    `cannot take part in the task: ${said.message}`,
    'Use a trainer that can, or leave out --trainer: Parley then trains by itself.',
  );
}
