import { configure } from '../engine.js'
import { Translator } from '../tasks/index.js'
import { saving } from '../tasks/translator/saved.js'
import { attentionMap } from './attentionMap.js'
import { expectTask } from './expectTask.js'
import { interruptible } from './interrupt.js'
import { checkPicture, writePicture } from './pictures.js'
import { inBatches, lines } from './texts.js'
import { show, type WritingOptions, writing } from './written.js'

/** Translates the texts given, or the lines of standard input, and prints one line for each. */
export async function translate(texts: readonly string[], options: WritingOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { attentionMap: map, json } = options
  await interruptible(async (signal) => {
    const settings = writing(options, texts.length, 'text', signal)
    if (map !== undefined) await checkPicture(map, options.force)
    await expectTask(options.model, saving.kind)
    const translator = await Translator.load(options.model)
    for await (const batch of texts.length > 0 ? inBatches(texts) : lines(process.stdin, signal, options.encoding)) {
      const translations = await translator.translate(batch, settings)
      for (const [index, translation] of translations.entries()) {
        const { alignment } = translation
        show({ text: batch[index] as string }, 'translation', translation, alignment ? { alignment } : {}, json)
      }
      const alignment = translations[0]?.alignment
      if (map !== undefined && alignment) await writePicture(map, attentionMap(alignment))
    }
  })
}
