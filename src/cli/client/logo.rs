//! A client's picture. Its type is what its first bytes say, never its name; SVG can run scripts and is refused.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::cli::text;

const MAX_BYTES: u64 = 256 * 1024;
const MAX_SIDE: u32 = 1024;

/// A picture that may be shown.
#[derive(Debug)]
pub struct Logo {
    /// Its media type.
    pub media_type: &'static str,
    /// The file.
    pub image: Vec<u8>,
}

/// Reads and checks a picture.
pub fn read(path: &Path) -> anyhow::Result<Logo> {
    let image = text::read(path, MAX_BYTES)?;
    let (media_type, size) = inspect(&image).with_context(|| path.display().to_string())?;
    let Some((width, height)) = size else {
        bail!("{} is damaged: its size cannot be read", path.display());
    };
    ensure!(
        (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height),
        "{} has {width} x {height} pixels; a picture has at most {MAX_SIDE} a side",
        path.display()
    );
    Ok(Logo { media_type, image })
}

type Size = Option<(u32, u32)>;

fn inspect(image: &[u8]) -> anyhow::Result<(&'static str, Size)> {
    if image.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(("image/png", png_size(image)));
    }
    if image.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Ok(("image/jpeg", jpeg_size(image)));
    }
    if image.starts_with(b"RIFF") && image.get(8..12) == Some(b"WEBP") {
        return Ok(("image/webp", webp_size(image)));
    }
    bail!("the picture must be a PNG, JPEG or WebP file; SVG is not accepted, since it can run scripts")
}

/// IHDR is the first chunk (PNG §11.2.2).
fn png_size(image: &[u8]) -> Size {
    if image.get(12..16)? != b"IHDR" {
        return None;
    }
    Some((be32(image, 16)?, be32(image, 20)?))
}

/// The frame header, behind segments that each tell their length (JPEG, ISO/IEC 10918-1 §B.2.2).
fn jpeg_size(image: &[u8]) -> Size {
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

/// One of three kinds of first chunk (RFC 9649 §2.5 to §2.7).
fn webp_size(image: &[u8]) -> Size {
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

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        image.extend(width.to_be_bytes());
        image.extend(height.to_be_bytes());
        image
    }

    #[test]
    fn sizes_are_read_from_each_header() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC2\0\x11\x08\0\x10\0\x20\x03";
        let vp8x = b"RIFF....WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\xff\0\0";
        let vp8 = b"RIFF....WEBPVP8 ....\0\0\0\x9d\x01\x2a\x40\0\x30\0";
        let vp8l = b"RIFF....WEBPVP8L....\x2f\x3f\xc0\x0b\0";
        let cases: [(&[u8], &str, (u32, u32)); 5] = [
            (&png(64, 32), "image/png", (64, 32)),
            (jpeg, "image/jpeg", (32, 16)),
            (vp8x, "image/webp", (512, 256)),
            (vp8, "image/webp", (64, 48)),
            (vp8l, "image/webp", (64, 48)),
        ];
        for (image, media_type, size) in cases {
            assert_eq!(inspect(image).unwrap(), (media_type, Some(size)), "{media_type}");
        }
    }

    #[test]
    fn no_cut_off_header_panics_or_passes() {
        let jpeg = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xFF\xC2\0\x11\x08\0\x10\0\x20".to_vec();
        let webp = b"RIFF....WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\xff\0\0".to_vec();
        for whole in [png(1, 1), jpeg, webp] {
            for end in 0..whole.len() {
                assert!(!matches!(inspect(&whole[..end]), Ok((_, Some(_)))), "{end}");
            }
        }
    }

    #[test]
    fn other_files_and_large_pictures_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logo");
        let verdict = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&path)
        };
        assert_eq!(verdict(&png(1024, 1)).unwrap().media_type, "image/png");
        let refused: [&[u8]; 6] = [
            &png(1025, 1),
            &png(0, 1),
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
            b"GIF89a",
            b"",
            &[&png(8, 8)[..], &vec![0; 256 * 1024]].concat(),
        ];
        for content in refused {
            assert!(verdict(content).is_err());
        }
    }
}
