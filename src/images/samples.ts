import type { Sharp, SharpOptions } from "sharp";
import { ClipSoupError } from "../errors.ts";

/** What is known of a picture before its pixels are decoded. */
export interface PictureMetadata {
	readonly width: number;
	readonly height: number;
	/** `b-w`, `srgb` or `cmyk`, with others for 16 bits and for kinds that are not read. */
	readonly space: string;
	readonly hasAlpha: boolean;
	/** Above 1 if it moves. */
	readonly pages: number;
}

/** Which samples to decode. */
export interface SampleRequest {
	readonly space: "b-w" | "srgb" | "cmyk";
	readonly alpha: "kept" | "removed";
}

/**
 * @throws {ClipSoupError} ERR_RUNTIME if sharp is not there or does not load
 * @throws {Error} sharp's own if the bytes are no picture
 */
export async function readMetadata(bytes: Uint8Array): Promise<PictureMetadata> {
	const { width, height, space, hasAlpha, pages = 1 } = await (await openSharp(bytes)).metadata();
	return { width, height, space, hasAlpha, pages };
}

/**
 * The samples as they are in the file, `[height, width, channels]`, row-major, 8 bits each: of 16 bits the upper eight.
 *
 * @throws {ClipSoupError} ERR_RUNTIME if sharp is not there or does not load
 * @throws {Error} sharp's own if the bytes are damaged
 */
export async function readSamples(bytes: Uint8Array, { space, alpha }: SampleRequest): Promise<Uint8Array> {
	const picture = (await openSharp(bytes)).pipelineColourspace(space).toColourspace(space);
	return await (alpha === "removed" ? picture.removeAlpha() : picture).raw().toBuffer();
}

/**
 * sharp as a decoder that changes nothing: it applies no ICC profile, and rotates by EXIF and applies gamma only if
 * asked. Damage is an error; what libjpeg merely warns of is not, as in Pillow. The caller judges the size.
 */
const AS_STORED = { ignoreIcc: true, failOn: "error", limitInputPixels: false } as const satisfies SharpOptions;

/** Loads sharp, only here and only when needed: everything but pictures works without it. */
async function openSharp(bytes: Uint8Array): Promise<Sharp> {
	const { default: sharp } = await import("sharp").catch((cause: unknown) => {
		throw new ClipSoupError(
			"ERR_RUNTIME",
			`Cannot load sharp on ${process.platform}-${process.arch}: ${firstLine(cause)}`,
			{
				fix: "install sharp with its optional dependencies on Linux, macOS or Windows: npm install --include=optional sharp",
				details: { platform: process.platform, arch: process.arch },
				cause,
			},
		);
	});
	return sharp(bytes, AS_STORED);
}

/** What an error of sharp says in its first line; more lines list attempts or advice. */
export function firstLine(error: unknown): string {
	return error instanceof Error ? (error.message.trim().split("\n")[0] ?? "") : String(error);
}
