/** What of a foreign trainer's answers is believed: no more than the protocol, the model and the site's rows allow. */
import type { SiteData } from '../data/dataset.ts';
import { outputsPerPosition, positions } from './loss-settings.ts';
import type { Manifest } from './parameters.ts';
import type { TrainResult } from './trainer.ts';
import { TrainerBreach } from './trainer-breach.ts';
import { type Hello, type TrainerAnswer, trainerProtocol } from './trainer-protocol.ts';
import { decodeTensors } from './trainer-tensors.ts';

/** What an answer may carry: nothing, a model, or outputs on the test rows. */
export function expectedTensors(hello: Hello, site: SiteData, asked: 'hello' | 'train' | 'evaluate'): Manifest {
  if (asked === 'hello') return [];
  if (asked === 'train') return hello.parameters;
  const width = positions(hello.output) * outputsPerPosition(hello.output, hello.loss);
  return [{ name: 'outputs', shape: [site.test.rows, width] }];
}

/** The trainer's name. Throws TrainerBreach. */
export function admitReady(said: TrainerAnswer): string {
  if (said.type !== 'ready') throw unexpected(said, 'ready');
  if (said.protocol === trainerProtocol) return said.name;
  throw new TrainerBreach(`speaks version ${said.protocol} of the protocol, this is version ${trainerProtocol}`);
}

/**
 * The result of a round: exactly the model's tensors, finite, and no more examples than the site has training rows: that number is the
 * site's weight. Steps and loss are the trainer's word. Throws TrainerBreach, SafetensorsError.
 */
export function admitTrained(said: TrainerAnswer, body: Uint8Array, hello: Hello, site: SiteData): TrainResult {
  if (said.type !== 'trained') throw unexpected(said, 'trained');
  const { examples, steps, loss } = said;
  if (examples < 1 || examples > site.train.rows)
    throw new TrainerBreach(`says it trained on ${examples} examples, the site has ${site.train.rows}`);
  return { parameters: decodeTensors(body, expectedTensors(hello, site, 'train')), examples, steps, loss };
}

/** The network's outputs on the test rows, row-major. Throws TrainerBreach, SafetensorsError. */
export function admitOutputs(said: TrainerAnswer, body: Uint8Array, hello: Hello, site: SiteData): Float32Array {
  if (said.type !== 'evaluated') throw unexpected(said, 'evaluated');
  return decodeTensors(body, expectedTensors(hello, site, 'evaluate'));
}

function unexpected(said: TrainerAnswer, expected: TrainerAnswer['type']): TrainerBreach {
  if (said.type === 'error') return new TrainerBreach(`says: ${said.message}`);
  return new TrainerBreach(`answered "${said.type}" where "${expected}" was due`);
}
