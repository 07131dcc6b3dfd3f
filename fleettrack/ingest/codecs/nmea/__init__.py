"""NMEA 0183: lines → identity and sentences → epochs → fixes."""
