import { openLocalFile } from "../bytes/local-file.ts";
import { ClipSoupError } from "../errors.ts";
import { CHANNELS, MOST_PIXELS, MOST_SIDE, type Picture, type PictureMode, pictureError } from "./picture.ts";
import { PNG_SIGNATURE, type PngHeader, readPngHeader } from "./png.ts";
import { firstLine, type PictureMetadata, readMetadata, readSamples, type SampleRequest } from "./samples.ts";

/** More than any picture of `MOST_PIXELS` is likely to take. */
const MOST_BYTES = 2 ** 28;

/**
 * Reads a JPEG, PNG or WebP file into the samples and the mode that Pillow gives it. The kind is told by the bytes,
 * not by the name.
 *
 * Equal to the byte for PNG and lossless WebP. JPEG and lossy WebP go through sharp's build of libjpeg and libwebp instead
 * of Pillow's: with sharp 0.35 and Pillow 12.1 every sample of the tested pictures is equal (4:2:0, 4:2:2, 4:4:4,
 * progressive, grey, CMYK), and the tests allow a difference of 1 of 255. EXIF orientation, ICC profile and gamma are not
 * applied, as in `Image.open`; the transparency of a palette or of one colour is ignored, as by `convert("RGB")`.
 * @throws {ClipSoupError} ERR_INPUT_NOT_FOUND, ERR_INPUT_UNREADABLE, ERR_INPUT_NOT_A_FILE; ERR_IMAGE_INVALID if it is
 *   another kind of file, damaged, animated, larger than 178,956,970 pixels, 65,535 a side or 256 MiB, or grey with 16
 *   bits, which Pillow clips to white; ERR_RUNTIME if sharp is not there
 */
export async function decodePicture(path: string): Promise<Picture> {
	const bytes = await readBytes(path);
	const kind = kindOf(bytes);
	if (kind === undefined) throw pictureError(path, { found: "another kind of file", ...READABLE });
	const metadata = await undamaged(path, readMetadata(bytes));
	const { width, height } = metadata;
	if (width * height > MOST_PIXELS || Math.max(width, height) > MOST_SIDE)
		throw tooLarge(path, `${width} × ${height} pixels`, `${MOST_PIXELS} pixels, and ${MOST_SIDE} a side`);
	const png = kind === "PNG" ? pngHeader(path, bytes) : undefined;
	const mode = png === undefined ? modeOf(path, metadata) : pngMode(path, png);
	const data = await undamaged(path, readSamples(bytes, REQUESTS[mode]));
	if (data.length !== width * height * CHANNELS[mode])
		throw new TypeError(`${data.length} samples of ${width} × ${height} ${mode} pixels`);
	return { path, mode, width, height, data, ...(mode === "P" && { palette: png?.palette }) };
}

const READABLE = { expected: "a JPEG, PNG or WebP picture", fix: "save it as a PNG of 8 bits per channel" } as const;

const REQUESTS = {
	"1": { space: "b-w", alpha: "removed" },
	L: { space: "b-w", alpha: "removed" },
	P: { space: "srgb", alpha: "removed" },
	RGB: { space: "srgb", alpha: "removed" },
	RGBA: { space: "srgb", alpha: "kept" },
	CMYK: { space: "cmyk", alpha: "removed" },
} as const satisfies Record<PictureMode, SampleRequest>;

/** Pillow's mode of each colour type of a PNG. */
const PNG_MODES: ReadonlyMap<number, PictureMode> = new Map<number, PictureMode>([
	[0, "L"],
	[2, "RGB"],
	[3, "P"],
	[4, "RGBA"],
	[6, "RGBA"],
]);

function pngHeader(path: string, bytes: Uint8Array): PngHeader {
	const header = readPngHeader(bytes);
	if (header === undefined) throw damaged(path, { reason: "no pixels" });
	return header;
}

function pngMode(path: string, { colourType, bitDepth }: PngHeader): PictureMode {
	if (colourType === 0 && bitDepth === 1) return "1";
	if (colourType === 0 && bitDepth === 16)
		throw pictureError(path, {
			found: "16-bit grey, of which open_clip makes white",
			expected: "8 bits per sample",
			fix: READABLE.fix,
		});
	const mode = PNG_MODES.get(colourType);
	if (mode === undefined) throw pictureError(path, { found: `PNG colour type ${colourType}`, ...READABLE });
	return mode;
}

function modeOf(path: string, { space, hasAlpha, pages }: PictureMetadata): PictureMode {
	if (pages > 1) throw pictureError(path, { found: `${pages} frames`, expected: "one", fix: READABLE.fix });
	if (space === "b-w") return "L";
	if (space === "cmyk") return "CMYK";
	if (space === "srgb") return hasAlpha ? "RGBA" : "RGB";
	throw pictureError(path, { found: `colours in "${space}"`, expected: "grey, RGB or CMYK", fix: READABLE.fix });
}

function kindOf(bytes: Buffer): "JPEG" | "PNG" | "WebP" | undefined {
	if (bytes.subarray(0, 3).equals(Uint8Array.of(0xff, 0xd8, 0xff))) return "JPEG";
	if (bytes.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return "PNG";
	return bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP" ? "WebP" : undefined;
}

async function readBytes(path: string): Promise<Buffer> {
	await using file = await openLocalFile(path);
	if (file.byteLength > MOST_BYTES) throw tooLarge(path, `${file.byteLength} bytes`, `${MOST_BYTES} bytes`);
	const bytes = Buffer.alloc(file.byteLength);
	await file.read(0, bytes);
	return bytes;
}

/** What sharp says, as an error about the picture. */
async function undamaged<T>(path: string, reading: Promise<T>): Promise<T> {
	try {
		return await reading;
	} catch (cause) {
		if (cause instanceof ClipSoupError) throw cause;
		throw damaged(path, { reason: firstLine(cause), cause });
	}
}

function damaged(
	path: string,
	{ reason, cause }: { readonly reason: string; readonly cause?: unknown },
): ClipSoupError {
	return pictureError(path, {
		found: `a damaged picture (${reason})`,
		expected: "a whole one",
		fix: "fetch or save it again",
		cause,
	});
}

function tooLarge(path: string, found: string, most: string): ClipSoupError {
	return pictureError(path, { found, expected: `at most ${most}`, fix: "scale it down" });
}
