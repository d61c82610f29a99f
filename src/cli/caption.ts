import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { saving } from '../tasks/captioner/saved.js'
import { type Caption, Captioner } from '../tasks/index.js'
import { expectTask } from './expectTask.js'
import { interruptible } from './interrupt.js'
import { checkPicture, type FilePicture, readPicture, writePicture } from './pictures.js'
import { inBatches, lines } from './texts.js'
import { show, type WritingOptions, writing } from './written.js'

/** Captions the image files given, or those that the lines of standard input name, and prints one line for each. */
export async function caption(files: readonly string[], options: WritingOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { attentionMap: map, json, model } = options
  await interruptible(async (signal) => {
    const settings = writing(options, files.length, 'image', signal)
    if (map !== undefined) await checkPicture(map, options.force)
    await expectTask(model, saving.kind)
    const captioner = await Captioner.load(model)
    const size = captioner.imageSize
    if (size?.channels !== 3) {
      const trained = size ? `images of ${size.channels} numbers a point` : 'annotations'
      throw new SeqloomError('ERR_UNSUPPORTED', `${model} was trained on ${trained}; files hold red, green and blue`)
    }
    for await (const batch of files.length > 0 ? inBatches(files) : lines(process.stdin, signal, options.encoding)) {
      const images: FilePicture[] = []
      for (const file of batch) images.push(await readPicture(file, size))
      const captions = await captioner.caption(images, settings)
      for (const [index, found] of captions.entries()) {
        const { attention } = found
        show({ image: batch[index] as string }, 'caption', found, attention ? { attention } : {}, json)
      }
      if (map === undefined) continue
      await writePicture(map, await captioner.attentionPicture(images[0] as FilePicture, captions[0] as Caption))
    }
  })
}
