import { dirname, resolve } from 'node:path'
import { Option } from 'commander'
import { answerAll } from '../../cli/answering.js'
import { size } from '../../cli/arguments.js'
import { type FilePicture, readPicture, type Size, writePicture } from '../../cli/pictures.js'
import { lossView } from '../../cli/progress.js'
import { showScores } from '../../cli/results.js'
import { type FileOptions, readColumns, tableHelp } from '../../cli/rows.js'
import { taskCommand } from '../../cli/taskCommand.js'
import { columnsOf, show, unsaved, writeCommand, writing } from '../../cli/written.js'
import type { Dataset } from '../../data/dataset.js'
import { AbortError, SeqloomError } from '../../errors.js'
import { pathOf } from '../../path.js'
import { type Caption, Captioner } from './index.js'
import { saving } from './saved.js'

const imageColumn = "the column of PNG files, relative to the data file's folder, for a captioner"

/** What the command line does with a captioner. */
export const command = taskCommand({
  kind: saving.kind,
  load: Captioner.load,
  columns: {
    image: imageColumn,
    caption: 'the column of captions',
  },
  read: (file, captioner: Captioner) =>
    readCaptions(file, captioner.ready ? imageSize(captioner, file.model) : (file.size as Size)),
  show: (result, json) => showScores(result, 'images', json),
  train: {
    name: 'caption',
    description: 'Trains a captioner on image files and saves the model with the best validation loss.',
    data: tableHelp,
    options: Captioner.optionTables,
    flags: [
      new Option('--size <width>x<height>', 'resize images to this size; default: all have the same size').argParser(
        size,
      ),
    ],
    view: lossView('images'),
    create: (options) => new Captioner(options),
    unsaved,
  },
  use: {
    name: 'caption',
    description:
      'Describes images: the given PNG files, or those named by a column of a table or by the lines of standard input.',
    argument: ['[images...]', 'PNG files; they are resized to the size that the model was trained on'],
    ...writeCommand('caption', 'image', { image: imageColumn }),
    async run(captioner, files, flags, signal) {
      const { json, settings, map } = writing(flags, signal)
      const size = imageSize(captioner, flags.model)
      const beside = flags.data as string | undefined
      const besides = ({ attention }: Caption) => (attention ? { attention } : {})
      await answerAll(files, flags, signal, {
        columns: { image: flags.image as string },
        read: ({ image }) => readPicture(pathBeside(beside, image), size),
        async answer(images) {
          const captions = await captioner.caption(images, settings)
          const [image] = images
          const [caption] = captions
          if (map !== undefined && image && caption) {
            await writePicture(map, await captioner.attentionPicture(image, caption))
          }
          return captions
        },
        show: ({ image }, found) => show({ image }, 'caption', found, besides(found), json),
        written: (found, nested) => columnsOf('caption', found, besides(found), nested),
      })
    },
  },
})

/** The size of the images that a captioner takes; `ERR_UNSUPPORTED` if no files have such images. */
function imageSize({ imageSize: size }: Captioner, model: unknown): Size {
  if (size?.channels === 3) return size
  const trained = size ? `images of ${size.channels} numbers a point` : 'annotations'
  throw new SeqloomError('ERR_UNSUPPORTED', `${model} was trained on ${trained}; files hold red, green and blue`)
}

/** The path of an image that is named in a data file, or given; `ERR_DATA` for an empty one. */
function pathBeside(data: string | undefined, image: string): string {
  if (image === '') throw new SeqloomError('ERR_DATA', 'an image must be the path of a file, not an empty text')
  return resolve(data === undefined ? '.' : dirname(data), pathOf('an image', image))
}

/** The most picture files that are kept in memory for further captions of theirs. */
const mostKept = 64

/** Reads captions, and their image files, whose paths are relative to the folder of the data file. */
function readCaptions(
  file: FileOptions & { readonly image: string; readonly caption: string },
  size: Size | undefined,
): Dataset<{ image: FilePicture; caption: string }> {
  const { data, image, caption, signal } = file
  const pictures = new Map<string, FilePicture>()
  return readColumns(file, { image, caption }, async (row) => {
    const from = pathBeside(data, row.image)
    if (signal?.aborted) throw new AbortError(signal)
    const picture = pictures.get(from) ?? (await readPicture(from, size))
    if (pictures.size >= mostKept) pictures.clear()
    pictures.set(from, picture)
    return { image: picture, caption: row.caption }
  })
}
