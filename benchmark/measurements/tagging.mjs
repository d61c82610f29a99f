// Proper names and parts of speech in Turkish sentences: `tasks.SequenceTagger` with a CRF and a character network against
// without, three seeds each; F1 over names, which are right if both ends are, and the accuracy over words.
//
// Data: the Turkish web and Wikipedia treebanks in the Python package turkish-treebanks 1.0.0 (Apache-2.0), an archive with
// the folder `data`: `node measurements/tagging.mjs --data FOLDER/data [--seeds 3] [--epochs 8]`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tasks } from '../../dist/index.js'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
  },
})

/** The sentences of a CoNLL-U file: words, of which inflectional groups are put together again. */
function sentencesOf(file) {
  const parts = readFileSync(join(values.data, file), 'utf8').split(/\n\s*\n/)
  return parts.flatMap((part) => {
    const words = []
    let [form, proper] = ['', false]
    for (const line of part.split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      const [, text, , , pos, features, , relation] = line.split('\t')
      form += text
      proper ||= features.includes('Proper=True')
      if (relation === 'ig') continue
      words.push({ form, proper, pos })
      ;[form, proper] = ['', false]
    }
    return words.length > 0 ? [words] : []
  })
}

const names = (words) => words.map(({ proper }, at) => (proper ? (words[at - 1]?.proper ? 'I-NAME' : 'B-NAME') : 'O'))
const goals = { names, 'parts of speech': (words) => words.map(({ pos }) => pos) }

const sentences = ['web.conllu', 'wiki.conllu'].flatMap(sentencesOf)
/** Every tenth sentence is for the test, and the one after it for validation. */
const part = (which) => sentences.filter((_, at) => Math.min(at % 10, 2) === which)
const variants = {
  words: {},
  'words, CRF': { crf: true },
  'words, characters': { characters: true },
  'words, characters, CRF': { characters: true, crf: true },
}

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length
for (const [goal, tagsOf] of Object.entries(goals)) {
  const [test, validation, training] = [0, 1, 2].map((which) =>
    part(which).map((words) => ({ tokens: words.map(({ form }) => form), tags: tagsOf(words) })),
  )
  console.log(`${goal}: ${training.length}, ${validation.length} and ${test.length} sentences`)
  for (const [variant, options] of Object.entries(variants)) {
    if (!`${goal} ${variant}`.includes(values.only)) continue
    const results = []
    const begin = performance.now()
    for (let seed = 1; seed <= Number(values.seeds); seed++) {
      const tagger = new tasks.SequenceTagger({ ...options, dropout: 0.3, seed })
      await tagger.train(training, { validationData: validation, epochs: Number(values.epochs) })
      const { accuracy, entities } = await tagger.evaluate(test)
      results.push({ accuracy, f1: entities?.f1 ?? Number.NaN })
      await tagger.dispose()
    }
    const seconds = (performance.now() - begin) / 1000 / results.length
    const shown = (key) => {
      const all = results.map((result) => 100 * result[key])
      return `${mean(all).toFixed(2)} (${all.map((value) => value.toFixed(2)).join(', ')})`
    }
    const f1 = Number.isNaN(results[0].f1) ? '' : `F1 ${shown('f1')}, `
    console.log(`  ${variant}: ${f1}accuracy ${shown('accuracy')}, ${seconds.toFixed(0)} s each`)
  }
}
