import { readDescription } from '../model/folder.js'
import { format, formatVersion } from '../model/save.js'
import { isRecord } from '../options.js'
import { forecasterFile } from './savedForecaster.js'

const tasks = [
  'classification',
  'tagging',
  'answering',
  'translation',
  'captioning',
  'forecasting',
  'textGenerator',
] as const

/** The name of a task in its folder. */
export type TaskName = (typeof tasks)[number]

/** Files by which folders are known that were saved before they named their task. */
const files: Readonly<Record<string, TaskName>> = {
  [forecasterFile]: 'forecasting',
  'tags.json': 'tagging',
  'reader.json': 'answering',
  'labels.json': 'classification',
}

/** The task whose model a folder holds; undefined for a model that is no task's. Rejects with `ERR_IO` or `ERR_FORMAT` if it holds no model. */
export async function taskOf(folder: string): Promise<TaskName | undefined> {
  const { assets, metadata } = await readDescription(folder, format, formatVersion)
  const named = isRecord(metadata) ? metadata.task : undefined
  const known = tasks.find((task) => task === named)
  if (known) return known
  const file = Object.keys(files).find((name) => isRecord(assets) && Object.hasOwn(assets, name))
  return file === undefined ? undefined : files[file]
}
