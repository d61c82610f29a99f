import { describe, expect, it } from 'vitest'
import { editor } from '../helpers/typescript.js'

/** What an editor shows of the options in a call. */
function shown(call: string): ReadonlyMap<string, string> {
  return editor(`import { tasks } from 'seqloom'\nnew ${call}({ /**/ })\n`)
}

describe('an editor', () => {
  it('completes the options of tasks, each with its sentence and its default', () => {
    const options = shown('tasks.TextClassifier')
    expect([...options.keys()].sort()).toEqual([
      ...['bidirectional', 'cell', 'dropout', 'embedding', 'encoder', 'layers', 'maxLength', 'maxVocabulary'],
      ...['minFrequency', 'seed', 'tokenizer', 'tokens', 'units'],
    ])
    expect(options.get('units')).toBe("The size of a recurrent layer's state, in each direction; default 64.")
    expect(options.get('cell')).toBe(
      "The recurrent cell: by its name in `layers` or `cells`, or what `cells.*` or `defineCell` makes, whose sizes are\nits own; default `'lstm'`.",
    )
  })

  it.each(['Captioner', 'Forecaster', 'QuestionAnswerer', 'SequenceTagger', 'TextGenerator', 'Translator'])(
    'tells the meaning of every option of %s',
    (name) => {
      const options = shown(`tasks.${name}`)
      expect(options.size).toBeGreaterThanOrEqual(6)
      for (const [option, words] of options) expect(words, option).toMatch(/^[A-Z].{15,}\.$/s)
    },
  )
})
