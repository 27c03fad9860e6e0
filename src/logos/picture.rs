//! Which pictures may be shown. The type of one is what its bytes say, never its name or what a server calls it; SVG can run
//! scripts and is refused. A file must be whole and end where its format says: what hides behind a picture is refused with it.

use crate::outbound::MAX_LOGO_BYTES;

/// The longest file, in bytes.
pub const MAX_BYTES: usize = MAX_LOGO_BYTES;

/// The most pixels a side.
const MAX_SIDE: u32 = 1024;

/// What is asked for when a picture is fetched.
pub const ACCEPT: &str = "image/png, image/webp, image/jpeg";

/// A picture that may be shown.
#[derive(Debug)]
pub struct Picture {
    /// Its media type.
    pub media_type: &'static str,
    /// The file.
    pub image: Vec<u8>,
}

/// Why a file is no such picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// No format that is shown.
    #[error("the picture must be a PNG, JPEG or WebP file; SVG is not accepted, since it can run scripts")]
    Format,
    /// Longer than is stored.
    #[error("the picture is too long: at most {MAX_BYTES} bytes")]
    TooLong,
    /// Cut off, or with something behind it.
    #[error("the picture is damaged: it is not whole, or something follows it")]
    Damaged,
    /// Too large, or empty.
    #[error("the picture has {0} x {1} pixels; at most {MAX_SIDE} a side")]
    Size(u32, u32),
}

impl Picture {
    /// Checks a file.
    pub fn inspect(image: Vec<u8>) -> Result<Self, PictureError> {
        let (media_type, size) = format(&image).ok_or(PictureError::Format)?;
        if image.len() > MAX_BYTES {
            return Err(PictureError::TooLong);
        }
        let (width, height) = size.ok_or(PictureError::Damaged)?;
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(PictureError::Size(width, height));
        }
        Ok(Self { media_type, image })
    }
}

type Size = Option<(u32, u32)>;

/// The format, with the size of a picture that is whole.
fn format(image: &[u8]) -> Option<(&'static str, Size)> {
    if image.starts_with(PNG) {
        return Some(("image/png", png_size(image)));
    }
    if image.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(("image/jpeg", jpeg_size(image)));
    }
    if image.starts_with(b"RIFF") && image.get(8..12) == Some(b"WEBP") {
        return Some(("image/webp", webp_size(image)));
    }
    None
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// IHDR is the first chunk and IEND the last (PNG §5.6); each has its length before it and a checksum behind it.
fn png_size(image: &[u8]) -> Size {
    let mut at = PNG.len();
    let (mut size, mut data) = (None, false);
    loop {
        let length = usize::try_from(be32(image, at)?).ok()?;
        let kind = image.get(at + 4..at + 8)?;
        let next = at.checked_add(length)?.checked_add(12)?;
        image.get(at..next)?;
        match kind {
            b"IHDR" if size.is_none() && length == 13 => size = Some((be32(image, at + 8)?, be32(image, at + 12)?)),
            _ if size.is_none() => return None,
            b"IDAT" => data = true,
            b"IEND" => return size.filter(|_| data && next == image.len()),
            _ => {}
        }
        at = next;
    }
}

/// The frame header, behind segments that each tell their length (JPEG, ISO/IEC 10918-1 §B.2.2). The file ends with EOI.
fn jpeg_size(image: &[u8]) -> Size {
    if !image.ends_with(&[0xFF, 0xD9]) {
        return None;
    }
    let mut at = 2;
    loop {
        let [marker_start, marker] = *image.get(at..)?.first_chunk()?;
        if marker_start != 0xFF {
            return None;
        }
        match marker {
            // Fill bytes.
            0xFF => at += 1,
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                return Some((u32::from(be16(image, at + 7)?), u32::from(be16(image, at + 5)?)));
            }
            // The picture begins without a frame header.
            0xDA => return None,
            _ => at += 2 + usize::from(be16(image, at + 2)?),
        }
    }
}

/// One of three kinds of first chunk (RFC 9649 §2.5 to §2.7), in a container that tells its length (§2.4).
fn webp_size(image: &[u8]) -> Size {
    let inside = u32::from_le_bytes(*image.get(4..)?.first_chunk()?);
    if usize::try_from(inside).ok()?.checked_add(8)? != image.len() {
        return None;
    }
    let le16 = |at: usize| Some(u32::from(u16::from_le_bytes(*image.get(at..)?.first_chunk()?)));
    let le24 = |at: usize| Some(le16(at)? | u32::from(*image.get(at + 2)?) << 16);
    match image.get(12..16)? {
        b"VP8X" => Some((le24(24)? + 1, le24(27)? + 1)),
        b"VP8 " => Some((le16(26)? & 0x3FFF, le16(28)? & 0x3FFF)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(*image.get(21..)?.first_chunk()?);
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        _ => None,
    }
}

fn be16(image: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*image.get(at..)?.first_chunk()?))
}

fn be32(image: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*image.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, kind, data, b"crc!"].concat()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), b"\x08\x06\0\0\0"].concat();
        let chunks = [chunk(b"IHDR", &header), chunk(b"IDAT", b"data"), chunk(b"IEND", b"")];
        [PNG, &chunks.concat()].concat()
    }

    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC2\0\x11\x08\0\x10\0\x20\x03..\xFF\xD9";

    fn webp(chunk: &[u8]) -> Vec<u8> {
        let inside = u32::try_from(4 + chunk.len()).unwrap().to_le_bytes();
        [b"RIFF", &inside[..], b"WEBP", chunk].concat()
    }

    fn vp8x() -> Vec<u8> {
        webp(b"VP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\xff\0\0")
    }

    fn verdict(image: &[u8]) -> Result<&'static str, PictureError> {
        Picture::inspect(image.to_vec()).map(|picture| picture.media_type)
    }

    #[test]
    fn sizes_are_read_from_each_header() {
        let vp8 = webp(b"VP8 ....\0\0\0\x9d\x01\x2a\x40\0\x30\0");
        let vp8l = webp(b"VP8L....\x2f\x3f\xc0\x0b\0");
        let cases: [(&[u8], &str, (u32, u32)); 5] = [
            (&png(64, 32), "image/png", (64, 32)),
            (JPEG, "image/jpeg", (32, 16)),
            (&vp8x(), "image/webp", (512, 256)),
            (&vp8, "image/webp", (64, 48)),
            (&vp8l, "image/webp", (64, 48)),
        ];
        for (image, media_type, size) in cases {
            assert_eq!(format(image), Some((media_type, Some(size))), "{media_type}");
            assert_eq!(verdict(image), Ok(media_type));
        }
    }

    #[test]
    fn bi_26_no_cut_off_picture_panics_or_passes() {
        for whole in [png(1, 1), JPEG.to_vec(), vp8x()] {
            for end in 0..whole.len() {
                assert!(verdict(&whole[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn bi_26_nothing_hides_behind_a_picture() {
        for whole in [png(1, 1), JPEG.to_vec(), vp8x()] {
            for more in [&b"<script>alert(1)</script>"[..], b"PK\x03\x04", b"\0"] {
                assert_eq!(verdict(&[&whole, more].concat()), Err(PictureError::Damaged));
            }
        }
        let mut early = png(1, 1);
        early.splice(8..8, chunk(b"tEXt", b"before the header"));
        assert_eq!(verdict(&early), Err(PictureError::Damaged));
    }

    #[test]
    fn bi_26_other_files_and_large_pictures_are_refused() {
        assert_eq!(verdict(&png(1024, 1024)), Ok("image/png"));
        for (width, height) in [(50_000, 50_000), (1025, 1), (1, 1025), (0, 1), (u32::MAX, u32::MAX)] {
            assert_eq!(verdict(&png(width, height)), Err(PictureError::Size(width, height)));
        }
        let files: [&[u8]; 7] = [
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
            b"<?xml version='1.0'?><svg/>",
            b"<!doctype html><script>alert(1)</script>",
            b"GIF89a/*\0\0*/=1;alert(1)",
            b" \x89PNG\r\n\x1a\n",
            b"RIFF\x04\0\0\0WAVE",
            b"",
        ];
        for file in files {
            assert_eq!(verdict(file), Err(PictureError::Format));
        }
        let mut long = png(8, 8);
        let end = long.len() - 12;
        long.splice(end..end, chunk(b"tEXt", &vec![b'x'; MAX_BYTES]));
        assert_eq!(verdict(&long), Err(PictureError::TooLong));
    }
}
