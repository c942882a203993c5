"""What everyone may know: settings, campaign, roster, calendar, reasons, errors (the ground storey)."""
