/** OpenSSF model signing: bundles that must be read or refused, and signatures over folders. */
import { type Expectation, exact } from '../case.ts';
import type { Reader } from '../reader.ts';

/** The files say nothing about what is expected of them: the folder does (`valid`, `invalid…`, or the name of a signed folder). */
export const modelSigningReader: Reader = {
  read(file) {
    const bundle = file.stem.endsWith('.bundle') || file.path.endsWith('model.sig');
    if (!bundle) return null;
    const name = file.path.endsWith('model.sig') ? `folder/${file.folder}` : `bundle/${file.folder}/${file.stem}`;
    const expectation: Expectation = file.folder.startsWith('invalid')
      ? { kind: 'refusal' }
      : { kind: 'value', value: true, tolerance: exact };
    return [
      {
        id: `model-signing/${name}`,
        group: 'model-signing',
        fn: `model-signing/${name.split('/')[0]}`,
        input: { bundle: file.text, path: file.path },
        expectation,
      },
    ];
  },
};
